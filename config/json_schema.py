"""The JSON Schema (draft 2020-12) of the config, for editors: generated from the models, so that no key is told twice.

It says what YAML gives an editor, while the config reads every scalar as it was written: `20` and `"20"` are the same
to both.  It is coarser than `headway validate`, which has the last word: names that must be known, keys that exclude
each other and the like are not in it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from types import GenericAlias
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from config.cases_schema import CasesFile
from config.fields import LONGEST_TEXT, Id, filled
from config.schema import ANCHORED, Document, TeamFile, briefly
from connectors.settings import SourceSettings, listed
from okrs.duration import FORM, duration_text
from okrs.numbers import NUMBER

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_TEXT = ["string", "number", "boolean"]
"""What an editor may see in a text: `title: 2026` is one, too."""

_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_LOOKS_NUMERIC = re.compile("0|[1-9][0-9]*")


def team_schema() -> dict[str, Any]:
    """The schema of a team's file of a folder."""
    return _generated(TeamFile, "A team's file of a Headway config")


def cases_schema() -> dict[str, Any]:
    """The schema of a file of cases, as `headway mapping test` tries them."""
    return _generated(CasesFile, "Cases for the mappings of a Headway config")


def document_schema(connectors: Mapping[str, type[SourceSettings]]) -> dict[str, Any]:
    """The schema of a whole config whose sources use these connectors, by name with their settings."""
    sources: Any = GenericAlias(dict, (Id, _source(connectors)))
    told = Document.model_fields["sources"].description
    model = create_model("Document", __base__=Document, sources=(sources, Field(default={}, description=told)))
    return _generated(model, "Headway config")


def _source(connectors: Mapping[str, type[SourceSettings]]) -> Any:  # noqa: ANN401 - a type expression
    """The settings of all connectors, told apart by the key `connector`."""
    models = tuple(_named(name, settings) for name, settings in sorted(connectors.items()))
    return Annotated[Union[models], Field(discriminator="connector")]  # noqa: UP007 - made of a tuple


def _named(connector: str, settings: type[SourceSettings]) -> type[BaseModel]:
    told = settings.model_fields["connector"].description
    return create_model(
        f"{connector}-source",
        __base__=settings,
        __doc__=f"A source with `connector: {connector}`.",
        connector=(_word(connector), Field(description=told)),
    )


def _word(text: str) -> Any:  # noqa: ANN401 - a type expression
    return Literal[text]


def _generated(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(schema_generator=_Generator)
    for definition in made.get("$defs", {}).values():
        definition.pop("title", None)
    made.pop("description", None)
    return {"$schema": DRAFT, **made, "title": title}


class _Generator(GenerateJsonSchema):
    """Writes types as an editor sees them, and nothing that only Python knows."""

    def generate_inner(self, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - as pydantic declares it
        """Name limits as JSON Schema does; pydantic knows them by its own names where a validator comes before."""
        made = super().generate_inner(schema)
        made.pop("title", None)
        for own, name in _LIMITS.items():
            if own in made:
                made[name] = _number(made.pop(own))
        if "minLength" in made and "anyOf" in made:  # of a list that may be written as a single text
            made["anyOf"][1]["minItems"] = made.pop("minLength")
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - as pydantic declares it
        return False

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        limits = {"minLength": schema.get("min_length"), "maxLength": schema.get("max_length")}
        # A placeholder is refused wherever the field does not say that it may hold one (`Interpolated`).
        pattern = schema.get("pattern") or r"^(?![\s\S]*\$\{)"
        return {"type": _TEXT, **{key: value for key, value in limits.items() if value}, "pattern": str(pattern)}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        limits = {key: value for key, value in schema.items() if key in _LIMITS}  # named by `generate_inner`
        return {"type": ["number", "string"], "pattern": f"^{NUMBER.pattern}$", **limits}

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:  # noqa: ARG002
        return {"type": "string", "format": "date", "pattern": _DAY}

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:  # noqa: ARG002
        return {"type": "string", "pattern": f"^{FORM.pattern}$"}

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return _chosen(schema["expected"])

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        return _chosen([member.value for member in schema["members"]])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Say nothing of null: an empty key counts as left out, and an editor may well ask whether it is meant."""
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        for pattern, value in made.pop("patternProperties", {}).items():
            made |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
        return made

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        made = super().function_after_schema(schema)
        if schema["function"]["function"] is filled and "pattern" in made:
            made |= {"maxLength": LONGEST_TEXT, "pattern": made["pattern"].replace("^", r"^(?=\s*\S)", 1)}
        return made

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        made = super().function_before_schema(schema)
        if schema["function"]["function"] is briefly:
            return {"anyOf": [_chosen([ANCHORED]), made]}
        if schema["function"]["function"] is not listed:
            return made
        return {"anyOf": [made["items"], made]}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Let the tag decide alone, so that an editor complains of a wrong key, and not of every other choice."""
        made = super().tagged_union_schema(schema)
        key, choices = made["discriminator"]["propertyName"], made["discriminator"]["mapping"]
        return {
            "type": "object",
            "properties": {key: {"enum": list(choices)}},
            "required": [key],
            "allOf": [
                {"if": {"properties": {key: {"const": tag}}, "required": [key]}, "then": {"$ref": choice}}
                for tag, choice in choices.items()
            ],
        }

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - as pydantic declares it
        match dft:
            case Decimal():
                return _number(dft)
            case timedelta():
                return duration_text(dft)
        return super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if isinstance(schema.get("default"), BaseModel | None):  # what stands inside tells its own
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _chosen(words: Iterable[Any]) -> JsonSchemaValue:
    """One of these words; `1` is read as the word "1"."""
    forms = [[int(word), word] if _LOOKS_NUMERIC.fullmatch(word) else [word] for word in words]
    return {"enum": list(chain.from_iterable(forms))}


def _number(value: Any) -> int | float:  # noqa: ANN401 - a limit may be written as an int
    return int(value) if value == int(value) else float(value)
