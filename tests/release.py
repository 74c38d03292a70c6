"""The release's tensor names for each of ours: enough to load reference weights, no converter."""


def release_names():
    """Our parameter name -> the release's names; several are stacked along the first axis."""
    names = {}

    def pair(ours, theirs):
        for kind in ("weight", "bias"):
            names[f"{ours}.{kind}"] = [f"{theirs}.{kind}"]

    def res_block(ours, theirs, time, skip):
        pair(f"{ours}.norm_in", f"{theirs}.in_layers.0")
        pair(f"{ours}.conv_in", f"{theirs}.in_layers.2")
        pair(f"{ours}.norm_out", f"{theirs}.out_layers.0")
        pair(f"{ours}.conv_out", f"{theirs}.out_layers.3")
        if time:
            pair(f"{ours}.modulation", f"{theirs}.emb_layers.1")
        if skip:
            pair(f"{ours}.skip", f"{theirs}.skip_connection")

    def attention(ours, theirs, index):
        theirs = f"{theirs}.target"
        for i in range(0, 12, 2):
            pair(f"{ours}.calibration.error.{i}", f"{theirs}.dispMain.{i}")
        pair(f"{ours}.calibration.confidence", f"{theirs}.confNet.0")
        for i in range(0, 6, 2):
            pair(f"{ours}.calibration.features.{i}", f"{theirs}.confFeat.{i}")
        pair(f"{ours}.calibration.displacement", f"{theirs}.dispNet.0")
        if index < 2:
            pair(f"{ours}.attention.to_hidden", f"{theirs}.attn{index}.fully_connect_layer.0")
            pair(f"{ours}.attention.to_logits", f"{theirs}.attn{index}.fully_connect_layer.2")

    # Reference encoder.
    pair("reference_encoder.stem", "encoder.input_blocks.0.0")
    for level in range(6):
        k = 3 * level
        ours = f"reference_encoder.levels.{level}"
        if level:
            res_block(f"{ours}.down", f"encoder.input_blocks.{k}.0", False, False)
        res_block(f"{ours}.block1", f"encoder.input_blocks.{k + 1}.0", False, level in (2, 4))
        res_block(f"{ours}.block2", f"encoder.input_blocks.{k + 2}.0", False, False)

    # Flow net.
    def four(ours, theirs):
        for i in (0, 2, 3, 5):
            pair(f"{ours}.{i}", f"{theirs}.model.{i}")

    four("flow_net.down.0", "flow_net.block0")
    for i in range(4):
        four(f"flow_net.down.{i + 1}", f"flow_net.encoder{i}")
    for i, stride in enumerate((16, 8)):
        four(f"flow_net.up.{stride}.main", f"flow_net.decoder{i}")
        pair(f"flow_net.up.{stride}.shortcut", f"flow_net.decoder{i}.shortcut.0")
        pair(f"flow_net.skip.{stride}.1", f"flow_net.jump{i}.model.2")
    for stride, suffix in ((32, "_eight"), (16, "0"), (8, "1")):
        pair(f"flow_net.heads.{stride}.flow", f"flow_net.output{suffix}")
        pair(f"flow_net.heads.{stride}.mask", f"flow_net.mask{suffix}.0")

    # Denoiser.
    pair("denoiser.time.linear_in", "time_embed.time_embed.0")
    pair("denoiser.time.linear_out", "time_embed.time_embed.2")
    pair("denoiser.stem", "input_blocks.0.0")
    res_block("denoiser.slim_in.1.down", "input_blocks.3.0", True, False)
    res_block("denoiser.slim_in.2.down", "input_blocks.6.0", True, False)
    res_block("denoiser.slim_in.2.widen", "input_blocks.7.0", True, True)
    for i in range(3):
        ours, k = f"denoiser.deep_in.{i}", 9 + 3 * i
        res_block(f"{ours}.down", f"input_blocks.{k}.0", True, False)
        res_block(f"{ours}.block1", f"input_blocks.{k + 1}.0", True, i == 1)
        res_block(f"{ours}.block2", f"input_blocks.{k + 2}.0", True, False)
        attention(f"{ours}.attention", f"input_blocks.{k + 2}.1", i)
    res_block("denoiser.middle.block1", "middle_block.0", True, False)
    attention("denoiser.middle.attention", "middle_block.1", 2)
    res_block("denoiser.middle.block2", "middle_block.2", True, False)
    for i in range(3):
        ours, k = f"denoiser.deep_out.{i}", 3 * (2 - i)
        for block in (1, 2, 3):
            res_block(f"{ours}.block{block}", f"output_blocks.{k + block - 1}.0", True, True)
        attention(f"{ours}.attention", f"output_blocks.{k + 1}.1", i)
        res_block(f"{ours}.up", f"output_blocks.{k + 2}.1", True, False)
    for i in range(3):
        ours, k = f"denoiser.slim_out.{i}", 9 + 3 * (2 - i)
        if i == 1:
            res_block(f"{ours}.narrow", f"output_blocks.{k}.0", True, True)
        res_block(f"{ours}.block", f"output_blocks.{k + 2}.0", True, True)
        if i:
            res_block(f"{ours}.up", f"output_blocks.{k + 2}.1", True, False)
    pair("denoiser.norm_out", "out.0")
    pair("denoiser.conv_out", "out.2")

    # MSFF.
    ours, theirs = "denoiser.fusion", "cct_block"
    for m in range(3):
        pair(f"{ours}.cut.{m}", f"{theirs}.embeddings_{m + 1}.patch_embeddings")
        names[f"{ours}.positions.{m}"] = [f"{theirs}.embeddings_{m + 1}.position_embeddings"]
        pair(f"{ours}.norms.{m}", f"{theirs}.encoder.encoder_norm{m + 1}")
        pair(f"{ours}.project.{m}.0", f"{theirs}.reconstruct_{m + 1}.conv")
        pair(f"{ours}.project.{m}.1", f"{theirs}.reconstruct_{m + 1}.norm")
        for statistic in ("running_mean", "running_var", "num_batches_tracked"):
            names[f"{ours}.project.{m}.1.{statistic}"] = [f"{theirs}.reconstruct_{m + 1}.norm.{statistic}"]
    for layer in range(4):
        ours, theirs = f"denoiser.fusion.layers.{layer}", f"cct_block.encoder.layer.{layer}"
        pair(f"{ours}.norm_all", f"{theirs}.attn_norm")
        for kind in ("key", "value"):
            heads = [f"{theirs}.channel_attn.{kind}.{head}.weight" for head in range(4)]
            names[f"{ours}.attention.{kind}.weight"] = heads
        for m in range(3):
            pair(f"{ours}.norms.{m}", f"{theirs}.attn_norm{m + 1}")
            heads = [f"{theirs}.channel_attn.query{m + 1}.{head}.weight" for head in range(4)]
            names[f"{ours}.attention.queries.{m}.weight"] = heads
            names[f"{ours}.attention.outs.{m}.weight"] = [f"{theirs}.channel_attn.out{m + 1}.weight"]
            pair(f"{ours}.mlps.{m}.0", f"{theirs}.ffn_norm{m + 1}")
            pair(f"{ours}.mlps.{m}.1", f"{theirs}.ffn{m + 1}.fc1")
            pair(f"{ours}.mlps.{m}.3", f"{theirs}.ffn{m + 1}.fc2")
    return names
