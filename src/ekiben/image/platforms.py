"""What differs between the platforms that an image is made for.

Nothing of an image runs while it is made but Python, which writes bytecode, and bytecode is the same on every
platform: that of this machine compiles for all, and no emulation is needed.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ekiben.errors import ConfigError

Name = Literal["linux/amd64", "linux/arm64"]
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform.

    Attributes:
        name: By which `image.platforms` names it.
        architecture: In Go's spelling, as OCI documents have it; Debian's is the same.
        triplet: Folder of Debian's libraries.
        loader: Path of the program that loads others.
        wheels: For which wheels are installed, as uv names it.
        machine: As the kernel calls it.
        elf: `e_machine` of its programs. Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
            and https://github.com/ARM-software/abi-aa (AAELF64, 5.2).
    """

    name: Name
    architecture: str
    triplet: str
    loader: str
    wheels: str
    machine: str
    elf: int


AMD64 = Platform(
    "linux/amd64",
    "amd64",
    "x86_64-linux-gnu",
    "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "x86_64-manylinux_2_28",
    "x86_64",
    62,
)
ARM64 = Platform(
    "linux/arm64",
    "arm64",
    "aarch64-linux-gnu",
    "lib/ld-linux-aarch64.so.1",
    "aarch64-manylinux_2_28",
    "aarch64",
    183,
)
_BY_NAME: Mapping[str, Platform] = {each.name: each for each in (AMD64, ARM64)}


def of(name: str) -> Platform:
    """The platform of a name that `image.platforms` takes."""
    return _BY_NAME[name]


def here() -> Platform:
    """This machine's.

    Raises:
        ConfigError: No image can be made on it.
    """
    machine = platform.machine()
    for each in _BY_NAME.values():
        if each.machine == machine:
            return each
    raise ConfigError(
        f"expected a machine of {', '.join(each.machine for each in _BY_NAME.values())}, for which "
        f"requirements/pod.txt has wheels, found {machine}",
        remedy="build the image on such a machine",
    )
