"""Score generated test pictures: python -m evaluation --generated DIR --data ROOT

Scores the pictures of one method, or of several beside each other (--compare), by a named protocol: what is done to the
pictures, and which variant of each measure is taken. Prints a table with 95 % intervals, and saves metrics.json,
per_image.csv and examples.png. Every pair of ROOT/test_pairs.txt must have its picture.
"""

from pathlib import Path

from config.flags import Parser, whole
from evaluation import measures
from evaluation.output import output_folder, refuse_input, refuse_other_flags, save
from evaluation.protocols import PROTOCOLS
from evaluation.report import report_on
from evaluation.results import copied_source, distinct_names, find_results
from evaluation.scoring import score
from evaluation.sizes import as_drawn, check_window, scoring_size
from evaluation.tables import report_text
from system.errors import InputError, command

COPIED = "source copied"


@command
def main(arguments=None):
    """Run the command line."""
    options = _parser().parse_args(arguments)
    options.metrics = [metric for metric in measures.ALL if metric in options.metrics]  # In whatever order, each once.
    folders = _folders(options)
    protocol = PROTOCOLS[options.protocol]
    methods = {
        method: find_results(folder, options.data, options.limit, protocol.masked)
        for method, folder in distinct_names(folders).items()
    }
    size, notes = scoring_size(methods, protocol)
    protocol = as_drawn(methods, protocol, notes)
    if "ssim" in options.metrics:
        check_window(size, protocol, folders[0])
    photos = _photos(options)
    if options.cache:
        refuse_input(options.cache, [*folders, *photos])
    out = output_folder(options.out, folders, protocol, photos)
    refuse_other_flags(out, vars(options))
    if options.copy_source:
        if COPIED in methods:
            raise InputError(f"{methods[COPIED][0].generated.parent}: its name stands for --copy-source; rename it")
        methods[COPIED] = copied_source(next(iter(methods.values())))

    networks = {"weights": options.weights, "cache": options.cache, "reference": options.fid_reference}
    scores, sums = score(methods, options.data, protocol, size, options.metrics, networks)
    report = report_on(protocol, size, scores, sums, notes, compared=options.compare is not None)
    save(report, out, vars(options))
    print(report_text(report, out))
    if report.missing and not options.allow_missing:
        measure, why = next(iter(report.missing.items()))
        raise InputError(f"{measure}: not computed: {why}; --allow-missing accepts that")


def _parser():
    protocols = "\n".join(f"  {name:8}{protocol.summary}" for name, protocol in PROTOCOLS.items())
    parser = Parser(f"{__doc__}\nprotocols:\n{protocols}", prog="python -m evaluation")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--generated", metavar="DIR", help="what test.py wrote, or another method's results")
    which.add_argument("--compare", metavar="DIR", nargs="+", help="several of these; differences are to the first")
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="holds img/, pose/ and test_pairs.txt")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="pidm", help="default: pidm")
    parser.add_argument("--metrics", nargs="+", choices=measures.ALL, default=measures.ALL, help="default: all")
    parser.add_argument("--fid-reference", type=Path, metavar="DIR|STATS", help="what FID, KID and pr compare with")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="holds the weights of LPIPS and Inception")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the networks' features")
    parser.add_argument("--copy-source", action="store_true", help=f"score the source photos too, as {COPIED!r}")
    parser.add_argument("--allow-missing", action="store_true", help="exit with 0 where weights were missing")
    parser.add_argument("--limit", type=whole("--limit", 1), metavar="N", help="score only the first N pairs")
    parser.add_argument("--out", metavar="DIR", help="default: DIR_scores/PROTOCOL, or for --compare PROTOCOL_compared")
    return parser


def _folders(options):
    if options.generated is None and options.compare is None:
        raise InputError("--generated: required, and not given; or --compare")
    if options.compare is not None and len(options.compare) < 2:
        raise InputError(f"--compare: expected two folders or more, got {options.compare[0]} alone")
    return options.compare or [options.generated]


def _photos(options):
    """Folders of photos that are read beside the results."""
    reference = options.fid_reference
    return [options.data / "img", *([reference] if reference and reference.is_dir() else [])]


if __name__ == "__main__":
    main()
