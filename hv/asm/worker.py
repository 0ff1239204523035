"""The child process around Keystone: single instructions in, bytes out.

Keystone is a C++ library from 2020 that can hang or crash on what it does not understand, so it
never runs in our own process. This file runs as a script with nothing of ours on its path; its
argument is the folder that holds the keystone package. Protocol, lines of ASCII: a count, then so
many lines ``<bits> <instruction>``; each is answered by its bytes in hex or by ``!`` and
Keystone's complaint.
"""

import sys
from typing import Any


def main() -> None:
    sys.path.append(sys.argv[1])
    import keystone  # only now can it be found

    modes = {16: keystone.KS_MODE_16, 32: keystone.KS_MODE_32, 64: keystone.KS_MODE_64}
    engines: dict[int, Any] = {}
    requests = sys.stdin.buffer
    answers = sys.stdout.buffer
    while count := requests.readline():
        batch = [requests.readline().decode("ascii") for _ in range(int(count))]
        for request in batch:
            width, _, text = request.partition(" ")
            bits = int(width)
            if bits not in engines:
                engines[bits] = keystone.Ks(keystone.KS_ARCH_X86, modes[bits])
            try:
                code, _ = engines[bits].asm(text.strip(), 0, True)
                answer = code.hex() if code else "!no code"
            except keystone.KsError as error:
                answer = f"!{error}"
            answers.write(answer.encode("ascii", "replace") + b"\n")
            answers.flush()


if __name__ == "__main__":
    main()
