"""Coverage of guest binaries: which of their code ran, as drcov and lcov."""
