"""Google's rules for labels, the same for every service.

Keys and values are lower case (letters of any script), digits, "_" and "-", at most 63 characters;
a key starts with a letter; a resource has at most 64
(https://cloud.google.com/resource-manager/docs/labels-overview). It must not know any resource.
"""

LIMIT = 64
_LENGTH = 63


def label_violations(labels: dict[str, str], path: str, limit: int = LIMIT) -> list[str]:
    """What is wrong with `labels`, as "path.key: complaint"."""
    found = []
    if len(labels) > limit:
        found.append(f"{path}: at most {limit} labels, not {len(labels)}")
    for key, value in labels.items():
        if not key or not key[0].isalpha() or not _allowed(key):
            found.append(f"{path}.{key}: is not a valid label key")
        if not _allowed(value):
            found.append(f'{path}.{key}: "{value}" is not a valid label value')
    return found


def _allowed(text: str) -> bool:
    return len(text) <= _LENGTH and all(
        character in "_-"
        or character.isdigit()
        or (character.isalpha() and not character.isupper())
        for character in text
    )
