"""What pyproject.toml cannot say: an accelerator that may fail to build, sources that ship as data."""

import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
ACCELERATOR = "hv/cpu/accel"
_SOURCES = ("*.asm", "*.inc", "*.toml")
SHIPPED = {
    "guests": _SOURCES,
    "guests/pairs": _SOURCES,
    "guests/linux": ("*.asm", "init"),
    "firmware": _SOURCES,
}


class BuildWithSources(build_py):
    """Copies the assembly sources to hv/_sources, where hv.root.resources looks for them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder, patterns in SHIPPED.items():
            target = Path(self.build_lib) / "hv" / "_sources" / folder
            target.mkdir(parents=True, exist_ok=True)
            for pattern in patterns:
                for path in sorted((ROOT / folder).glob(pattern)):
                    shutil.copy(path, target / path.name)


setup(
    cmdclass={"build_py": BuildWithSources},
    ext_modules=[
        Extension(
            "hv.cpu._accel",
            [
                f"{ACCELERATOR}/{name}.c"
                for name in (
                    *("module", "tables", "locate", "blocks", "coverage", "watch", "exits"),
                    "stops",
                )
            ],
            depends=[f"{ACCELERATOR}/accel.h"],
            extra_compile_args=["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
