"""How the release's tensors are called, and which of ours each of them is.

Its 1,188 tensors are 980 that have an effect, under the names of `USED`, and 208 that have none, listed by
`unused_tensors`. Both are enumerated block by block, as the release numbers its blocks: `input_blocks.K` and
`encoder.input_blocks.K` are K = 3 level + (0: stem or down block, 1, 2: ResBlocks), and `output_blocks.K` are three per
level, from the deepest to the finest.
"""


def _pair(ours, theirs):
    """A layer's weight and bias."""
    return {f"{ours}.{kind}": [f"{theirs}.{kind}"] for kind in ("weight", "bias")}


def _res_block(ours, theirs, time=True, skip=False):
    """A ResBlock, with a time input and a convolution on its skip or without."""
    names = _pair(f"{ours}.norm_in", f"{theirs}.in_layers.0")
    names |= _pair(f"{ours}.conv_in", f"{theirs}.in_layers.2")
    names |= _pair(f"{ours}.modulation", f"{theirs}.emb_layers.1") if time else {}
    names |= _pair(f"{ours}.norm_out", f"{theirs}.out_layers.0")
    names |= _pair(f"{ours}.conv_out", f"{theirs}.out_layers.3")
    names |= _pair(f"{ours}.skip", f"{theirs}.skip_connection") if skip else {}
    return names


def _flow_attention(ours, theirs, index):
    """The flow attention of stride 8, 16 or 32 (index 0, 1, 2); at stride 32 one sample needs no logits."""
    names = {}
    for layer in (0, 2, 4, 6, 8, 10):
        names |= _pair(f"{ours}.calibration.error.{layer}", f"{theirs}.target.dispMain.{layer}")
    names |= _pair(f"{ours}.calibration.confidence", f"{theirs}.target.confNet.0")
    for layer in (0, 2, 4):
        names |= _pair(f"{ours}.calibration.features.{layer}", f"{theirs}.target.confFeat.{layer}")
    names |= _pair(f"{ours}.calibration.displacement", f"{theirs}.target.dispNet.0")
    if index < 2:
        names |= _pair(f"{ours}.attention.to_hidden", f"{theirs}.target.attn{index}.fully_connect_layer.0")
        names |= _pair(f"{ours}.attention.to_logits", f"{theirs}.target.attn{index}.fully_connect_layer.2")
    return names


def _reference_encoder():
    names = _pair("reference_encoder.stem", "encoder.input_blocks.0.0")
    for level in range(6):
        ours, k = f"reference_encoder.levels.{level}", 3 * level
        names |= _res_block(f"{ours}.down", f"encoder.input_blocks.{k}.0", time=False) if level > 0 else {}
        names |= _res_block(f"{ours}.block1", f"encoder.input_blocks.{k + 1}.0", time=False, skip=level in (2, 4))
        names |= _res_block(f"{ours}.block2", f"encoder.input_blocks.{k + 2}.0", time=False)
    return names


def _flow_net():
    names = {}
    for ours, theirs in enumerate(("block0", "encoder0", "encoder1", "encoder2", "encoder3")):
        for layer in (0, 2, 3, 5):
            names |= _pair(f"flow_net.down.{ours}.{layer}", f"flow_net.{theirs}.model.{layer}")
    for index, stride in enumerate((16, 8)):
        for layer in (0, 2, 3, 5):
            names |= _pair(f"flow_net.up.{stride}.main.{layer}", f"flow_net.decoder{index}.model.{layer}")
        names |= _pair(f"flow_net.up.{stride}.shortcut", f"flow_net.decoder{index}.shortcut.0")
        names |= _pair(f"flow_net.skip.{stride}.1", f"flow_net.jump{index}.model.2")
    for stride, suffix in ((32, "_eight"), (16, "0"), (8, "1")):
        names |= _pair(f"flow_net.heads.{stride}.flow", f"flow_net.output{suffix}")
        names |= _pair(f"flow_net.heads.{stride}.mask", f"flow_net.mask{suffix}.0")
    return names


def _denoiser():
    # Time, and the slim levels on the way in.
    names = _pair("denoiser.time.linear_in", "time_embed.time_embed.0")
    names |= _pair("denoiser.time.linear_out", "time_embed.time_embed.2")
    names |= _pair("denoiser.stem", "input_blocks.0.0")
    names |= _res_block("denoiser.slim_in.1.down", "input_blocks.3.0")
    names |= _res_block("denoiser.slim_in.2.down", "input_blocks.6.0")
    names |= _res_block("denoiser.slim_in.2.widen", "input_blocks.7.0", skip=True)

    # Levels with flow attention, and the middle.
    for index in range(3):  # Strides 8, 16, 32.
        ours, k = f"denoiser.deep_in.{index}", 9 + 3 * index
        names |= _res_block(f"{ours}.down", f"input_blocks.{k}.0")
        names |= _res_block(f"{ours}.block1", f"input_blocks.{k + 1}.0", skip=index == 1)
        names |= _res_block(f"{ours}.block2", f"input_blocks.{k + 2}.0")
        names |= _flow_attention(f"{ours}.attention", f"input_blocks.{k + 2}.1", index)
    names |= _res_block("denoiser.middle.block1", "middle_block.0")
    names |= _flow_attention("denoiser.middle.attention", "middle_block.1", index=2)
    names |= _res_block("denoiser.middle.block2", "middle_block.2")
    for index in range(3):
        ours, k = f"denoiser.deep_out.{index}", 3 * (2 - index)
        for block in range(3):
            names |= _res_block(f"{ours}.block{block + 1}", f"output_blocks.{k + block}.0", skip=True)
        names |= _flow_attention(f"{ours}.attention", f"output_blocks.{k + 1}.1", index)
        names |= _res_block(f"{ours}.up", f"output_blocks.{k + 2}.1")

    # The slim levels on the way out.
    names |= _res_block("denoiser.slim_out.2.block", "output_blocks.11.0", skip=True)
    names |= _res_block("denoiser.slim_out.2.up", "output_blocks.11.1")
    names |= _res_block("denoiser.slim_out.1.narrow", "output_blocks.12.0", skip=True)
    names |= _res_block("denoiser.slim_out.1.block", "output_blocks.14.0", skip=True)
    names |= _res_block("denoiser.slim_out.1.up", "output_blocks.14.1")
    names |= _res_block("denoiser.slim_out.0.block", "output_blocks.17.0", skip=True)
    names |= _pair("denoiser.norm_out", "out.0")
    names |= _pair("denoiser.conv_out", "out.2")
    return names


def _fusion():
    names = {}
    for m in range(3):  # The maps at strides 1, 2, 4.
        ours, theirs = "denoiser.fusion", "cct_block"
        names |= _pair(f"{ours}.cut.{m}", f"{theirs}.embeddings_{m + 1}.patch_embeddings")
        names[f"{ours}.positions.{m}"] = [f"{theirs}.embeddings_{m + 1}.position_embeddings"]
        names |= _pair(f"{ours}.norms.{m}", f"{theirs}.encoder.encoder_norm{m + 1}")
        names |= _pair(f"{ours}.project.{m}.0", f"{theirs}.reconstruct_{m + 1}.conv")
        names |= _pair(f"{ours}.project.{m}.1", f"{theirs}.reconstruct_{m + 1}.norm")
        for statistic in ("running_mean", "running_var", "num_batches_tracked"):
            names[f"{ours}.project.{m}.1.{statistic}"] = [f"{theirs}.reconstruct_{m + 1}.norm.{statistic}"]
    for layer in range(4):
        ours, theirs = f"denoiser.fusion.layers.{layer}", f"cct_block.encoder.layer.{layer}"
        names |= _pair(f"{ours}.norm_all", f"{theirs}.attn_norm")
        names[f"{ours}.attention.key.weight"] = _heads(f"{theirs}.channel_attn.key")
        names[f"{ours}.attention.value.weight"] = _heads(f"{theirs}.channel_attn.value")
        for m in range(3):
            names |= _pair(f"{ours}.norms.{m}", f"{theirs}.attn_norm{m + 1}")
            names[f"{ours}.attention.queries.{m}.weight"] = _heads(f"{theirs}.channel_attn.query{m + 1}")
            names[f"{ours}.attention.outs.{m}.weight"] = [f"{theirs}.channel_attn.out{m + 1}.weight"]
            names |= _pair(f"{ours}.mlps.{m}.0", f"{theirs}.ffn_norm{m + 1}")
            names |= _pair(f"{ours}.mlps.{m}.1", f"{theirs}.ffn{m + 1}.fc1")
            names |= _pair(f"{ours}.mlps.{m}.3", f"{theirs}.ffn{m + 1}.fc2")
    return names


def _heads(theirs):
    return [f"{theirs}.{head}.weight" for head in range(4)]


# Our tensor -> the release's, in our model's order; several stand stacked along the first axis in ours.
USED = _reference_encoder() | _flow_net() | _denoiser() | _fusion()


def unused_tensors(shapes):
    """What the release stores and never uses: group -> name -> shape.

    shapes: of the used tensors by the release's names.
    """
    groups = {
        "cond_emb_layers (a second modulation of every ResBlock, never run)": _second_modulation(shapes),
        "time in the reference encoder (it is given none)": _encoder_time(shapes),
        "attnI of other strides, and logits over one sample": _attention_of_other_strides(shapes),
        "flow_net.jumpI.conv1 (jumpI.model.2 under a second name)": _second_names(shapes),
    }
    return {title: dict(sorted(group.items())) for title, group in groups.items()}


def _second_modulation(shapes):
    group = {}
    for block, channels in _res_blocks(shapes):
        group |= _shapes(f"{block}.cond_emb_layers.1", (channels, channels))
    return group


def _encoder_time(shapes):
    channels_of_time = shapes["time_embed.time_embed.2.bias"][0]
    group = {}
    for layer in (0, 2):
        group |= _shapes(f"encoder.time_embed.{layer}", shapes[f"time_embed.time_embed.{layer}.weight"])
    for block, channels in _res_blocks(shapes):
        if block.startswith("encoder."):
            group |= _shapes(f"{block}.emb_layers.1", (2 * channels, channels_of_time))
    return group


def _attention_of_other_strides(shapes):
    last = ".dispNet.0.weight"
    group = {}
    for block in [name.removesuffix(last) for name in shapes if name.endswith(last)]:
        for index, (kernel, channels) in enumerate(((3, 256), (2, 512), (1, 512))):  # At strides 8, 16, 32.
            layers = f"{block}.attn{index}.fully_connect_layer"
            group |= _shapes(f"{layers}.0", (128, 2 * channels, kernel, kernel))
            group |= _shapes(f"{layers}.2", (kernel**2, 128, 1, 1))
    return {name: shape for name, shape in group.items() if name not in shapes}


def _second_names(shapes):
    return {name.replace(".model.2.", ".conv1."): shape for name, shape in shapes.items() if ".jump" in name}


def _res_blocks(shapes):
    """(name, channels that leave it) of every ResBlock."""
    last = ".out_layers.3.weight"
    return [(name.removesuffix(last), shape[0]) for name, shape in shapes.items() if name.endswith(last)]


def _shapes(layer, weight):
    return {f"{layer}.weight": weight, f"{layer}.bias": weight[:1]}
