"""The one thing pyproject.toml cannot say portably: an accelerator that may fail to build."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "hv.cpu._accel",
            ["hv/cpu/_accel.c"],
            extra_compile_args=["-O2", "-Wall", "-Wextra"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
