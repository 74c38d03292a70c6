"""Who is drawn: a body, a face, hair and an outfit, all chosen by a seed."""

from dataclasses import dataclass

import numpy as np

from data.figure.cloth import Cloth
from data.figure.skeleton import Build


@dataclass(frozen=True)
class Hair:
    """A hair style and its colour."""

    style: str  # short, crop, bob, long, bun, tail, bald.
    colour: tuple[float, float, float]
    drop: float = 0.0  # cm of hair below the nape.
    parting: float | None = None  # Angle on the forehead where it divides, radians.


@dataclass(frozen=True)
class Skirt:
    """The hanging part of a skirt or dress."""

    length: float  # cm below the waist.
    flare: float  # cm of half width gained per cm.
    pleats: float  # Depth of the folds at the hem, cm.


@dataclass(frozen=True)
class Upper:
    """What is worn on the torso and arms."""

    sleeve: float  # cm from the shoulder joint; 0 for a tank top.
    neckline: str  # crew, scoop, vee.
    hem: float  # Height on the torso, cm.
    ease: float  # Distance from the body, cm.
    cloth: Cloth
    trim: tuple[float, float, float]
    buttons: bool = False


@dataclass(frozen=True)
class Lower:
    """Trousers or shorts; a skirt where `skirt` is given."""

    length: float  # cm from the hip joint.
    width: float  # Half width that the leg does not go below, cm.
    cloth: Cloth
    belt: tuple[float, float, float]
    skirt: Skirt | None = None


@dataclass(frozen=True)
class Identity:
    """One person in one outfit."""

    index: int
    gender: str  # WOMEN or MEN.
    category: str  # DeepFashion's name of the garment shown.
    build: Build
    skin: tuple[float, float, float]
    lips: tuple[float, float, float]
    iris: tuple[float, float, float]
    hair: Hair
    beard: float  # 0 none .. 1 full.
    upper: Upper
    lower: Lower
    shoes: tuple[tuple[float, float, float], tuple[float, float, float]]  # Leather, sole.
    boots: float  # Height of the shaft, cm; 0 for low shoes.
    backdrop: tuple[float, float, float]


def rgb(code):
    """'#rrggbb' as three floats in 0..1."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


SKINS = ("#f6d7c3", "#f0c8ae", "#e8b798", "#d9a07c", "#c68a63", "#a86d48", "#8a5636", "#6b4129")
HAIRS = ("#1d1714", "#2e2019", "#4a3122", "#6b442b", "#8d5f38", "#b58a55", "#d9b77c", "#8a3b22", "#6f6a68")
IRISES = ("#4a2f1c", "#5b3d22", "#3f5a36", "#3d5f85", "#6c7d8c")
PALETTES = (  # Ground, second colour, print or trim.
    ("#f4f1ea", "#27364f", "#c2413b"), ("#27364f", "#f4f1ea", "#e8b64c"), ("#c2413b", "#f7e9dc", "#27364f"),
    ("#2f6b5e", "#f2e6cf", "#e8a33d"), ("#e8b64c", "#394b6a", "#ffffff"), ("#87a9c4", "#ffffff", "#27364f"),
    ("#1f1f23", "#e9e6e1", "#d8493f"), ("#d98f8a", "#fff4ef", "#7a2f3b"), ("#7a2f3b", "#f1d9c0", "#e3b04b"),
    ("#9dbfa3", "#fdfaf1", "#2f5a4a"), ("#5c4b8a", "#efe8fb", "#f2c14e"), ("#e07a4f", "#fff1e3", "#2b4a5e"),
    ("#b9b2a6", "#33373d", "#8c3a35"), ("#3c78a8", "#f5f0e4", "#f0c24f"), ("#efd9d1", "#8f4a57", "#8f4a57"),
    ("#5f7344", "#f0e9cf", "#d97b3c"),
)  # fmt: skip
LOWERS = ("#2c3e5c", "#4c6a92", "#7f9cbd", "#23242a", "#8b7a5e", "#c9b797", "#e9e4da", "#565b60", "#4b4636", "#6a3a3c")
SHOES = (
    ("#f2f1ee", "#d9d7d2"),
    ("#26242a", "#f0eeea"),
    ("#5b3a28", "#2d2019"),
    ("#b0433c", "#f3f0ec"),
    ("#2e3f63", "#efece6"),
)
BACKDROPS = ("#f3f2f0", "#eef0f2", "#f4efe8", "#ecebea", "#f1edf0")
MOTIFS = ("star", "heart", "disc", "ring", "bars", "letter")


def identity(seed, index):
    """The person number `index` of the set with this seed: an Identity. The same numbers give the same person."""
    rng = np.random.default_rng([seed, index, 0])
    woman = bool(rng.random() < 0.6)
    skin = rng.integers(len(SKINS))
    palette = tuple(rgb(c) for c in _pick(rng, PALETTES))
    outfit = _outfit_of_woman(rng, palette) if woman else _outfit_of_man(rng, palette)
    category, upper, lower = outfit
    shade = np.array(rgb(SKINS[skin]))
    return Identity(
        index=index,
        gender="WOMEN" if woman else "MEN",
        category=category,
        build=_build(rng, woman),
        skin=tuple(shade),
        lips=tuple(shade * ([0.84, 0.5, 0.5] if woman else [0.84, 0.64, 0.6])),
        iris=rgb(_pick(rng, IRISES)),
        hair=_hair(rng, woman, dark=skin >= 5),
        beard=0.0 if woman or rng.random() < 0.6 else float(rng.uniform(0.35, 0.9)),
        upper=upper,
        lower=lower,
        shoes=_shoes(rng),
        boots=float(rng.uniform(14, 26)) if woman and lower.skirt and rng.random() < 0.4 else 0.0,
        backdrop=rgb(_pick(rng, BACKDROPS)),
    )


def _pick(rng, options):
    return options[rng.integers(len(options))]


def _build(rng, woman):
    return Build(
        woman=woman,
        girth=float(rng.uniform(0.94, 1.1)),
        shoulders=float(rng.uniform(14.6, 16) if woman else rng.uniform(17, 19)),
        hips=float(rng.uniform(8.3, 9.3) if woman else rng.uniform(8.2, 8.9)),
        legs=float(rng.uniform(0.98, 1.07)),
        arms=float(rng.uniform(0.97, 1.03)),
        head=float(rng.uniform(0.96, 1.03)),
    )


def _hair(rng, woman, dark):
    colour = rgb(HAIRS[rng.integers(3 if dark else len(HAIRS))])
    style = _pick(
        rng,
        ("long", "long", "bob", "bun", "tail", "crop") if woman else ("short", "short", "crop", "crop", "crop", "bald"),
    )
    drop = {"long": rng.uniform(12, 26), "bob": rng.uniform(1, 4)}.get(style, 0.0)
    parted = style not in ("short", "crop", "bald") and rng.random() < 0.7
    return Hair(style, colour, float(drop), float(rng.choice([-0.35, 0.0, 0.35])) if parted else None)


def _shoes(rng):
    leather, sole = _pick(rng, SHOES)
    return rgb(leather), rgb(sole)


def _cloth(rng, palette, prints):
    kind = _pick(rng, ("plain", "plain", "plain", "stripes", "stripes", "checks", "dots", "pinstripes", "blocks"))
    period = {"stripes": (4, 9), "checks": (4, 8), "dots": (5, 8), "pinstripes": (4, 7)}.get(kind, (6, 6.1))
    motif = _pick(rng, MOTIFS) if prints and kind == "plain" and rng.random() < 0.75 else ""
    colours = (palette[0], palette[2] if motif else palette[1])
    return Cloth(kind, colours, float(rng.uniform(*period)), motif)


def _trousers(rng, shorts):
    ground = rgb(_pick(rng, LOWERS))
    length = rng.uniform(20, 38) if shorts else rng.uniform(75, 83)
    width = _pick(rng, (0.0, 4.8, 4.8, 6.4)) if not shorts else 8.6
    return Lower(float(length), float(width), Cloth("plain", (ground, ground)), rgb(_pick(rng, ("#3a2a20", "#1c1b1d"))))


def _outfit_of_man(rng, palette):
    sleeve = _pick(rng, (0.0, 20.0, 20.0, 50.0, 50.0))
    collar = sleeve > 40 and rng.random() < 0.5
    neckline = "vee" if collar else _pick(rng, ("crew", "crew", "vee"))
    cloth = _cloth(rng, palette, prints=not collar)
    upper = Upper(sleeve + float(rng.uniform(0, 2.5)) * (sleeve > 0), neckline, float(rng.uniform(84, 88)), 1.5, cloth,
                  palette[1], collar)  # fmt: skip
    shorts = bool(rng.random() < 0.3)
    category = "Shirts_Polos" if collar else "Sweatshirts_Hoodies" if sleeve > 40 else "Tees_Tanks"
    return category, upper, _trousers(rng, shorts)


def _outfit_of_woman(rng, palette):
    kind = _pick(rng, ("dress", "skirt", "trousers", "trousers", "shorts"))
    sleeve = _pick(rng, (0.0, 16.0, 16.0, 34.0, 50.0))
    neckline = _pick(rng, ("scoop", "scoop", "vee", "crew"))
    cloth = _cloth(rng, palette, prints=kind != "dress")
    long = bool(rng.random() < 0.35)
    flared = bool(rng.random() < 0.6)
    length = rng.uniform(62, 80) if long else rng.uniform(36, 52)
    skirt = Skirt(float(length), 0.28 if flared and not long else 0.12 if flared else 0.0, 1.3 if flared else 0.25)
    tucked = kind != "trousers" or rng.random() < 0.4
    hem = 99.0 if tucked else float(rng.uniform(86, 92))
    upper = Upper(sleeve, neckline, hem, 0.8 if tucked else 1.4, cloth, palette[1])
    if kind == "dress":
        return "Dresses", upper, Lower(0.0, 0.0, cloth, palette[1], skirt)
    if kind == "skirt":
        ground = rgb(_pick(rng, LOWERS))
        plain = (
            Cloth("plain", (ground, ground))
            if cloth.kind != "plain"
            else _cloth(rng, (ground, palette[1], palette[2]), False)
        )
        return "Skirts", upper, Lower(0.0, 0.0, plain, rgb("#2a211c"), skirt)
    category = _pick(rng, ("Tees_Tanks", "Blouses_Shirts", "Pants" if kind == "trousers" else "Shorts"))
    return category, upper, _trousers(rng, kind == "shorts")
