"""JSON and YAML in, JSON and YAML out.

`decode` is one typed pass in C. Only when the text holds what the types refuse (a null, a number for a Quantity, a wrong type)
is it taken apart in Python (`coerce`), which then does what Go would have done or says what is wrong in Go's words.
`canonicalise` is for what users wrote: it brings Quantities and times to their one spelling.

Stored bytes carry no resourceVersion: `splice_revision` puts it in.
"""

from .canonical import canonicalise, canonicalise_struct
from .json import (
    clone,
    decode,
    decode_telling,
    encode,
    from_dict,
    splice_revision,
    struct_clone,
    struct_decode,
    struct_decode_telling,
    struct_encode,
    to_dict,
)
from .malformed import Malformed, NotJson
from .semantic import semantic_equal
from .yaml import yaml_dump, yaml_load_all

__all__ = [
    "Malformed",
    "NotJson",
    "canonicalise",
    "canonicalise_struct",
    "clone",
    "decode",
    "decode_telling",
    "encode",
    "from_dict",
    "semantic_equal",
    "splice_revision",
    "struct_clone",
    "struct_decode",
    "struct_decode_telling",
    "struct_encode",
    "to_dict",
    "yaml_dump",
    "yaml_load_all",
]
