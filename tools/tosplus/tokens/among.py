"""`among(column, name)`: the column is one of a list, which is one parameter.

SQLAlchemy's `in_` has a parameter for each member of the list, and so writes the statement anew each time; that costs
more than looking them up.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Among(FunctionElement[bool]):
    inherit_cache = True


def among(column: "sa.Column[Any]", name: str) -> _Among:
    """name: of the parameter, a list."""
    many: Any = sa.ARRAY(column.type).with_variant(sa.JSON(), "sqlite")
    return _Among(column, sa.bindparam(name, type_=many))


@compiles(_Among, "sqlite")
def _sqlite(element: _Among, compiler: SQLCompiler, **about: Any) -> str:
    column, many = (compiler.process(clause, **about) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({many}))"


@compiles(_Among, "postgresql")
def _postgresql(element: _Among, compiler: SQLCompiler, **about: Any) -> str:
    column, many = (compiler.process(clause, **about) for clause in element.clauses)
    return f"{column} = ANY({many})"
