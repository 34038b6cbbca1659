"""Sound inputs made unsound, each change a function of the random numbers it is given."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = 3000


def deep_list(depth: int) -> list[Any]:
    """Lists in lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


# Values that no field asks for, or that are at the end of what numbers and texts can be.
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**63), 10**400, 16**5000, 0.0, -0.0, 1e-320, 1e308),
    *(
        float("inf"),
        float("-inf"),
        float("nan"),
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udcff",
        "a\nb",
        "\r\n.",
        "x" * 5000,
    ),
    *("٣", "１２", "0x10", "1e999", "nan", "-1", "1_000", "true", "null", "~nobody/x", "../../etc/passwd", "/dev/zero"),
    *("<b>x</b>", "'; DROP TABLE runs; --", "{}", "%s%n", "\u202e", "🙂", "cnn_4", "mlp_1[FC-8]", "digits"),
    *(
        [],
        {},
        [None],
        [[]],
        ["mlp_1"],
        [1, "a", None],
        {"a": {}},
        {"": ""},
        b"\xff\xfe",
        deep_list(200),
        list(range(3000)),
    ),
)
ODD_TEXTS = (
    *(
        "\0",
        "\ud800",
        "\n",
        "\r",
        '"',
        "'",
        '"""',
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ",",
        ".",
        "#",
        "\\",
        "\\u0000",
        "\x1b[31m",
    ),
    *("inf", "nan", "-", "+", "1e999", "9" * 5000, "0x" + "f" * 5000, "a." * 2000, "[" * DEEP, "{'a':" * 500, "\ufeff"),
    *(
        "true",
        "null",
        "1979-05-27T07:32:00Z",
        "é",
        "🙂",
        "\u2028",
        "×",
        "Conv-",
        "MaxPool-0x0",
        "FC-99999999999",
        "²",
        "x" * 9000,
    ),
)
ODD_BYTES = (
    *(
        b"\0",
        b"\xff" * 4,
        b"\x7f\xff\xff\xff",
        b"\x80\0\0\0",
        b"\xff" * 8,
        b"\0" * 64,
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"\n",
    ),
    *(
        b"\x93NUMPY",
        b"\x89PNG\r\n\x1a\n",
        b"../",
        b"(" * 200,
        b"{'descr': 'O'",
        b"nan",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"c",
    ),
)


def mutated_bytes(content: bytes, random: Random) -> bytes:
    """Up to four changes: bits turned, pieces lost, doubled, put elsewhere or replaced, the end cut off."""
    for _ in range(random.randint(1, 4)):
        content = random.choice(_BYTE_CHANGES)(content, random)
    return content


def _piece(length: int, random: Random) -> tuple[int, int]:
    start = random.randint(0, length)
    return start, min(length, start + random.choice((1, 2, 4, 8, 64, 1024)))


def _turn_bits(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 16)) if changed else 0):
        # Headers are at the beginning, and directories of archives at the end.
        place = random.choice((random.randrange(len(changed)), random.randrange(min(len(changed), 128)), -1))
        changed[place] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut_off(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


def _lose(content: bytes, random: Random) -> bytes:
    start, end = _piece(len(content), random)
    return content[:start] + content[end:]


def _double(content: bytes, random: Random) -> bytes:
    start, end = _piece(len(content), random)
    return content[:end] + content[start:end] + content[end:]


def _splice(content: bytes, random: Random) -> bytes:
    start, end = _piece(len(content), random)
    place = random.randint(0, len(content))
    return content[:place] + content[start:end] + content[place + end - start :]


def _put_in(content: bytes, random: Random) -> bytes:
    place = random.randint(0, min(len(content), random.choice((64, len(content)))))
    odd = random.choice(ODD_BYTES)
    return content[:place] + odd + content[place + random.choice((0, len(odd))) :]


_BYTE_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_turn_bits, _turn_bits, _turn_bits, _cut_off, _lose, _double, _splice, _put_in, _put_in),
)


def mutated_text(text: str, random: Random) -> str:
    """Up to four changes: lines and pieces lost or doubled, numbers made extreme, odd texts put in."""
    for _ in range(random.randint(1, 4)):
        text = random.choice(_TEXT_CHANGES)(text, random)
    return text


def _change_lines(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    place = random.randrange(len(lines))
    lines[place : place + 1] = random.choice(([], [lines[place]] * 2, [random.choice(lines)], [lines[place].upper()]))
    return "".join(lines)


def _change_number(text: str, random: Random) -> str:
    numbers = list(re.finditer(r"\d+", text))
    if not numbers:
        return text
    found = random.choice(numbers)
    odd = random.choice(("-1", "0", "99999999999999999999", "1e400", "0.5", "9" * 5000, "0xff", "nan", ""))
    return text[: found.start()] + odd + text[found.end() :]


def _change_piece(text: str, random: Random) -> str:
    start, end = _piece(len(text), random)
    return text[:start] + random.choice(("", text[start:end] * 2, random.choice(ODD_TEXTS))) + text[end:]


_TEXT_CHANGES: tuple[Callable[[str, Random], str], ...] = (_change_lines, _change_number, _change_piece, _change_piece)


def mutated_value(value: Any, random: Random) -> Any:
    """``value`` with one thing somewhere in it lost, doubled, renamed or of another kind."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        match random.randrange(8):
            case 0:
                return {name: each for name, each in value.items() if name != key}
            case 1:
                return {**value, random.choice(("", "x", "a b", key + "s", key * 50)): value[key]}
            case _:
                return {**value, key: mutated_value(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.7:
        place = random.randrange(len(value))
        changed = random.choice(([], [value[place]] * 2, [mutated_value(value[place], random)]))
        return [*value[:place], *changed, *value[place + 1 :]]
    return random.choice(ODD_VALUES)


def mutated_zip(content: bytes, random: Random, inside: Callable[[str, bytes, Random], bytes]) -> bytes:
    """An archive whose members are changed by ``inside`` and packed anew, so their checksums hold; or its bytes."""
    if random.random() < 0.3:
        return mutated_bytes(content, random)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    match random.randrange(8):
        case 0:
            del members[name]
        case 1:
            members[random.choice(("../escaped", "/tmp/escaped", "x" * 300, "a\\b", "é"))] = members[name]  # noqa: S108
        case 2:
            other = random.choice(list(members))
            members[name], members[other] = members[other], members[name]
        case _:
            members[name] = inside(name, members[name], random)
    packed = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return _with_lying_sizes(packed.getvalue(), random) if random.random() < 0.1 else packed.getvalue()


def _with_lying_sizes(archive: bytes, random: Random) -> bytes:
    """The directory of an archive says that a member is of another size."""
    place = archive.rfind(b"PK\x01\x02") + random.choice((20, 24))
    return archive[:place] + random.choice((b"\xff" * 4, b"\0" * 4, b"\0\0\0\x10")) + archive[place + 4 :]


def as_json(value: Any) -> str:
    """JSON text of a mutated value; what JSON has no word for is written as Python's writer does, or left to a text."""
    try:
        return json.dumps(value, default=ascii)
    except (ValueError, RecursionError):  # a number too long to be written
        return '{"epochs": ' + "9" * 5000 + "}"
