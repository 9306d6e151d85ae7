"""How a kind of file is described."""

import re


def kind(codec, container, extension, variant, options, *, tool="ffmpeg", rate=44100, channels=2, width=16, lossless=False,
         names=None, small=False, twice=False, cut=False):
    """`variant` says what is special within the row of codec and container; `names` are words of which a refusal has one.
    Of what is `cut` the first third of a second is left out without decoding it."""
    assert not set(variant) & set(",;:|"), variant
    slug = re.sub(r"[^a-z0-9]+", "-", f"{codec} {container} {variant}".lower()).strip("-")
    return {
        "file": f"{slug}.{extension}",
        "codec": codec,
        "container": container,
        "variant": variant,
        "lossless": lossless,
        "names": names or [codec],
        "tool": tool,
        "options": options,
        "rate": rate,
        "channels": channels,
        "width": width,
        "small": small,
        "twice": twice,
        "cut": cut,
    }
