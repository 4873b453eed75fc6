"""Formulas as text: `image.expression` and filters such as ``"cloud < 20 && year == 2020"``.

Earth Engine's grammar is read with Python's parser: arithmetic, comparisons, ``&& || !``, calls,
``b("name")`` and ``image.band``. The conditional ``a ? b : c`` is not implemented.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ..coercion import constant
from ..errors import EarthEngineError, not_implemented
from ..registry import algorithm
from ..values import Date, Filter
from .arithmetic import BINARY, UNARY, changed, combined
from .images import image_select

_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.Eq: "eq",
    ast.NotEq: "neq",
    ast.Lt: "lt",
    ast.LtE: "lte",
    ast.Gt: "gt",
    ast.GtE: "gte",
    ast.And: "and",
    ast.Or: "or",
    ast.BitAnd: "bitwiseAnd",
    ast.BitOr: "bitwiseOr",
    ast.LShift: "leftShift",
    ast.RShift: "rightShift",
}


def _parsed(expression):
    if "?" in expression:
        raise not_implemented("the conditional operator in an expression")
    text = expression.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text).strip()
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise EarthEngineError(f"Cannot parse the expression '{expression}'.") from None


class _Formula:
    """Evaluates a parsed expression; subclasses say what names and operations mean."""

    def value(self, node):
        if isinstance(node, ast.Constant):
            return self.constant(node.value)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.BinOp):
            return self._apply(node.op, [self.value(node.left), self.value(node.right)])
        if isinstance(node, ast.BoolOp):
            return self._chain(node.op, [self.value(part) for part in node.values])
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._apply(node.ops[0], [self.value(node.left), self.value(node.comparators[0])])
        if isinstance(node, ast.UnaryOp):
            return self._unary(node.op, self.value(node.operand))
        return self.other(node)

    def _chain(self, operator, parts):
        result = parts[0]
        for part in parts[1:]:
            result = self._apply(operator, [result, part])
        return result

    def _apply(self, operator, operands):
        name = _OPERATORS.get(type(operator))
        if name is None:
            raise not_implemented(f"the operator {type(operator).__name__} in an expression")
        return self.operation(name, *operands)

    def _unary(self, operator, operand):
        if isinstance(operator, ast.USub):
            return self.operation("multiply", operand, self.constant(-1))
        if isinstance(operator, ast.Not):
            return self.operation("eq", operand, self.constant(0))
        return operand

    def other(self, node):
        raise not_implemented(f"'{ast.unparse(node)}' in an expression")


@dataclass(frozen=True)
class _ImageFormula(_Formula):
    images: dict
    default: object

    def constant(self, value):
        return constant(value)

    def name(self, name):
        if name not in self.images:
            raise EarthEngineError(f"Image.parseExpression: Unknown variable '{name}'.")
        image = self.images[name]
        return constant(image) if isinstance(image, (int, float)) else image

    def operation(self, name, left, right):
        return combined(BINARY[name], left, right)

    def other(self, node):
        if isinstance(node, ast.Attribute):
            return image_select(self.value(node.value), [node.attr], None)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return super().other(node)
        if node.func.id == "b":
            return image_select(self.default, [argument.value for argument in node.args], None)
        return self._call(node.func.id, [self.value(argument) for argument in node.args])

    def _call(self, name, operands):
        if name in UNARY and len(operands) == 1:
            return changed(UNARY[name], operands[0])
        if name in BINARY and len(operands) == 2:
            return combined(BINARY[name], *operands)
        raise EarthEngineError(f"Image.parseExpression: Unknown function '{name}'.")


@dataclass(frozen=True)
class _ImageFunction:
    """What Image.parseExpression returns: it is applied to images by name."""

    node: object
    default: str

    def apply(self, images):
        return _ImageFormula(images, images.get(self.default)).value(self.node)


@algorithm("Image.parseExpression")
def image_parse_expression(expression, argName, vars):
    return _ImageFunction(_parsed(expression), argName)


@dataclass(frozen=True)
class _PropertyFormula(_Formula):
    properties: dict

    def constant(self, value):
        return value

    def name(self, name):
        value = self.properties.get(name)
        if value is None:
            raise KeyError(name)
        return value.millis if isinstance(value, Date) else value

    def operation(self, name, left, right):
        if name in ("eq", "neq"):
            return (left == right) == (name == "eq")
        return BINARY[name](left, right)


@algorithm("Filter.expression")
def filter_expression(expression):
    """True where the formula over an element's properties is; false where it lacks one."""
    node = _parsed(expression)

    def passes(element):
        try:
            return bool(_PropertyFormula(element.properties).value(node))
        except KeyError:
            return False

    return Filter(passes)
