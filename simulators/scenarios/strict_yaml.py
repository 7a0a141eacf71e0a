"""YAML as people write it by hand: one mapping per file, where no key may stand twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TIMESTAMP = "tag:yaml.org,2002:timestamp"


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping that a file holds; times stay texts.

    Raises:
        ValueError: in one sentence, where the file is not YAML, or not a mapping.
        OSError: it cannot be read.
    """
    try:
        # The loader is a safe one, below.
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"line {line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ValueError("this is not text in UTF-8") from None
    except (AttributeError, KeyError):
        # The library's own readers of !!timestamp and !!bool expect a good one.
        raise ValueError("a value is not what its tag !! says") from None
    except RecursionError:
        raise ValueError("lists and mappings stand too deep in one another") from None
    if not isinstance(content, dict):
        raise ValueError("a mapping of keys to values is needed")  # noqa: TRY004 - of a text
    return {str(key): value for key, value in content.items()}


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML itself silently takes the last."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value} stands there twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
