"""Small arithmetic, step by step: reads questions, evaluates without eval()."""
import ast
import operator
import re

WORDS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
    "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17",
    "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50",
    "hundred": "100", "plus": "+", "minus": "-", "times": "*", "over": "/", "x": "*", "squared": "**2",
}
GAINS = ("buys", "gets", "finds", "receives", "adds", "earns", "picks")
LOSSES = ("gives", "loses", "eats", "sells", "spends", "drops", "uses")
OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}


class ArithmeticProblem(ValueError):
    """The text holds no arithmetic, or one that is not to be computed."""


def show(number):
    """A number as people write it."""
    if isinstance(number, float):
        return str(int(number)) if number.is_integer() else f"{number:.6g}"
    return str(number)


def find_expression(question):
    """The arithmetic expression in a question, or None."""
    text = question.lower().replace("divided by", "/").replace("multiplied by", "*").replace("to the power of", "**")
    text = " ".join(WORDS.get(word, word) for word in text.replace("?", " ").split())
    found = re.findall(r"[-+(]*\s*\d[\d\s.+\-*/%()]*", text)
    candidates = [piece.strip().rstrip(".") for piece in found if re.search(r"\d\s*[)]*\s*[-+*/%]", piece)]
    return max(filter(parses, candidates), key=len, default=None)


def parses(expression):
    """Whether a text is an expression at all."""
    try:
        ast.parse(expression, mode="eval")
    except SyntaxError:
        return False
    return True


def find_story(question):
    """A word problem ("has 5 apples, buys 7, eats 2") as an expression, or None."""
    words = [WORDS.get(word, word) for word in re.findall(r"[a-z]+|\d+", question.lower())]
    sign, expression = "+", ""
    for word in words:
        if word in GAINS:
            sign = "+"
        elif word in LOSSES:
            sign = "-"
        elif word.isdigit():
            expression = f"{expression} {sign} {word}" if expression else word
    return expression if " " in expression else None


def evaluate(expression):
    """The value of an expression and the single operations that lead to it."""
    operations = []
    return _reduce(ast.parse(expression, mode="eval").body, operations), operations


def _reduce(node, operations):
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _reduce(node.operand, operations)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = _reduce(node.left, operations), _reduce(node.right, operations)
        sign, function = OPERATORS[type(node.op)]
        if sign == "**" and (abs(left) > 1000 or abs(right) > 32):
            raise ArithmeticProblem("that power is too large")
        try:
            value = function(left, right)
        except ZeroDivisionError:
            raise ArithmeticProblem("division by zero") from None
        except OverflowError:
            raise ArithmeticProblem("the result is too large") from None
        if isinstance(value, complex):
            raise ArithmeticProblem("the result is not a real number")
        operations.append(f"{show(left)} {sign} {show(right)} = {show(value)}")
        return value
    raise ArithmeticProblem("only numbers and + - * / % ** are understood")
