"""The measures that need a pretrained network: LPIPS, FID, KID, precision and recall.

What cannot be computed, for want of weights or of real images, is named with its reason; the rest is computed.
"""

import copy
import dataclasses
import functools
from pathlib import Path

import numpy as np

from evaluation.distributions import SUBSET, SUBSETS, fid, kid, precision_recall
from evaluation.features import inception_features
from evaluation.networks import FEATURES, LPIPS, SMALLEST_SIDE, Inception, NotComputed
from evaluation.perceptual import lpips_distances
from evaluation.reference import find_reference
from evaluation.statistics_file import names_digest, read_statistics

SETS = {"fid": ("fid",), "kid": ("kid", "kid_std"), "pr": ("precision", "recall")}  # What each of `metrics` gives.


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """What is to be computed, and from what."""

    metrics: frozenset  # Among lpips, fid, kid, pr.
    weights: Path | None = None  # Folder of the networks' weights; None: torch's cache.
    cache: Path | None = None  # Folder for features; None: the user's cache.
    reference: Path | None = None  # Folder of real images, or .npz of their features; None: the training images.


@dataclasses.dataclass
class NetworkScores:
    """Scores of single pairs and of all together, and what there is to say about them."""

    pairs: dict = dataclasses.field(default_factory=dict)  # Measure -> float64 (N,), NaN where the protocol drops one.
    sets: dict = dataclasses.field(default_factory=dict)  # Measure -> number.
    missing: dict = dataclasses.field(default_factory=dict)  # Measure -> why it was not computed.
    record: dict = dataclasses.field(default_factory=dict)  # Weights, reference and counts, as plain data.
    notes: list = dataclasses.field(default_factory=list)  # Sentences.


def network_scores(methods, root, protocol, size, options, mask=None):
    """{method: NetworkScores} of {method: Results}, each list in order of the generated files' names.

    size: (H, W) of the protocol's pictures. mask(result): bool (H, W); given, LPIPS is also computed with all else
    black, and NaN where nothing is in the mask. Reads no picture before it has found that weights and reference are of
    use. Raises InputError for a reference, a weights file or a picture that is there and cannot be used.
    """
    common = NetworkScores(record={"weights": {}})
    sets = [name for metric, names in SETS.items() if metric in options.metrics for name in names]
    trunks = _trunks(protocol, size, options, common, masked=mask is not None)
    comparison = _comparison(root, protocol, size, options, common, sets) if sets else None

    found = {}
    for method, results in methods.items():
        scores, used = copy.deepcopy(common), results[: protocol.kept(len(results))]
        found[method] = scores
        if trunks or comparison:
            scores.record |= {"pairs": len(results), "pairs_used": len(used)}
            _note_dropped(scores, used, results, "generated pictures", protocol)
        for name, network in trunks.items():
            scores.pairs[name] = _padded(lpips_distances(network, used, protocol, size), results)
            if mask is not None:
                masked = lpips_distances(network, used, protocol, size, mask)
                masked[[not mask(result).any() for result in used]] = np.nan
                scores.pairs[f"mask_{name}"] = _padded(masked, results)
        if comparison:
            network, read_real = comparison
            pictures = [result.generated for result in used]
            generated = inception_features(pictures, protocol, size, options.cache, network)
            _compare_sets(scores, options.metrics, read_real(), generated)
    return found


def _padded(values, results):
    """float64, one for each of the results, NaN for those at the end that have no value."""
    return np.concatenate([values, np.full(len(results) - len(values), np.nan)])


def _trunks(protocol, size, options, scores, masked):
    """The LPIPS networks to run, by the measure's name."""
    found = {}
    for trunk in protocol.lpips if "lpips" in options.metrics else ():
        name = f"lpips_{trunk}"
        try:
            shown = protocol.networks.size if protocol.networks else size
            least = SMALLEST_SIDE[trunk]
            if min(shown) < least:
                raise NotComputed(f"needs {least} pixels a side, the pictures are {shown[0]} x {shown[1]}")
            found[name] = _loaded(LPIPS(trunk, options.weights), scores)
        except NotComputed as error:
            scores.missing |= dict.fromkeys([name, f"mask_{name}"] if masked else [name], str(error))
    return found


def _comparison(root, protocol, size, options, scores, sets):
    """Inception, and a function that gives the real images' features; None where either is missing."""
    reasons, network, reference = [], None, None
    try:
        network = _loaded(Inception(protocol.inception, options.weights), scores)
    except NotComputed as error:
        reasons.append(str(error))
    try:
        reference = find_reference(options.reference, root)
    except NotComputed as error:
        reasons.append(str(error))
    if reasons:
        if reference and reference.file:
            read_statistics(reference.file, protocol, size, network)  # To say now, not next time, if it is of no use.
        scores.missing |= dict.fromkeys(sets, "; ".join(reasons))
        return None
    return network, _reader(reference, protocol, size, options, scores, network)


def _reader(reference, protocol, size, options, scores, network):
    """The function that gives the features of the reference, found to be of use; its counts are recorded."""
    if reference.file:
        statistics = read_statistics(reference.file, protocol, size, network)
        given, used, images_digest = (statistics.record[name] for name in ("given", "used", "images"))
        features = functools.cache(lambda: statistics.features)
    else:
        images = reference.images[: protocol.kept(len(reference.images))]
        given, used, images_digest = len(reference.images), len(images), names_digest(reference.names[: len(images)])
        features = functools.cache(lambda: inception_features(images, protocol, size, options.cache, network))
    scores.record["reference"] = {"where": str(reference.where), "given": given, "used": used, "names": images_digest}
    _note_dropped(scores, range(used), range(given), "real images", protocol)
    if protocol.published_reference not in (None, given):
        scores.notes.append(
            f"FID and its like compare with {given:,} real images; "
            f"published numbers of protocol {protocol.name} with {protocol.published_reference:,}."
        )
    return features


def _loaded(network, scores):
    """The network, recorded."""
    scores.record["weights"][network.file.name] = network.sha256
    if not network.is_published():
        scores.notes.append(f"{network.file}: not the file published under that name, by its SHA-256.")
    return network


def _note_dropped(scores, used, given, what, protocol):
    if len(used) < len(given):
        scores.notes.append(
            f"LPIPS, FID and their like see {len(used):,} of {len(given):,} {what}: "
            f"protocol {protocol.name} takes whole batches of {protocol.batch}."
        )


def _compare_sets(scores, metrics, real, generated):
    functions = {"fid": lambda *sets: (fid(*sets),), "kid": kid, "pr": precision_recall}
    for metric, names in SETS.items():
        if metric not in metrics:
            continue
        try:
            scores.sets |= dict(zip(names, functions[metric](real, generated), strict=True))
        except NotComputed as error:
            scores.missing |= dict.fromkeys(names, str(error))
    fewest = min(len(real), len(generated))
    if "kid" in scores.sets:
        scores.record["kid"] = {"subsets": SUBSETS, "subset": min(SUBSET, fewest)}
        if fewest < SUBSET:
            scores.notes.append(f"KID is over subsets of {fewest:,} images, not {SUBSET:,}: there are no more.")
    if "fid" in scores.sets and fewest < FEATURES:
        scores.notes.append(f"FID of fewer than {FEATURES:,} images, the number of features, is far too high.")
