"""What authorisations read, lock and change: the statements, made once. `among` and `more` are what is looked for."""

import sqlalchemy as sa

from . import state, tables

_t, _k, _a, _h = tables.tokens.c, tables.luks.c, tables.auths.c, tables.holders.c
_r, _m = tables.reversals.c, tables.merchants.c
_AMONG: sa.BindParameter[list[str]] = sa.bindparam("among", expanding=True)
_MORE: sa.BindParameter[float] = sa.bindparam("more")
_KIS: sa.BindParameter[list[int]] = sa.bindparam("more", expanding=True)

TOKENS = sa.select(tables.tokens).where(_t.number.in_(_AMONG)).order_by(_t.number).with_for_update()
LUKS = sa.select(tables.luks).where(_k.number.in_(_AMONG), sa.or_(_k.ki.in_(_KIS), _k.state != state.RETIRED))
EARLIER = sa.select(tables.auths).where(_a.request.in_(_AMONG))
SPENT = sa.select(_a.number, _a.at, _a.amount).where(
    _a.number.in_(_AMONG), _a.at > _MORE, _a.state.in_((state.HELD, state.CAPTURED))
)
HOLDERS = sa.select(tables.holders).where(_h.id.in_(_AMONG)).order_by(_h.id).with_for_update()
REVERSALS = sa.select(tables.reversals).where(_r.id.in_(_AMONG))
MERCHANTS = sa.select(tables.merchants).where(_m.id.in_(_AMONG))

BEGIN = (
    tables.tokens.update()
    .where(_t.number == sa.bindparam("b_number"), _t.state == state.PROVISIONED)
    .values(state=state.ACTIVE)
)
SPEND = (
    tables.luks.update()
    .where(_k.number == sa.bindparam("b_number"), _k.ki == sa.bindparam("b_ki"))
    .values(**{name: sa.bindparam(name) for name in ("state", "accepted", "used", "last")})
)
HOLD = tables.holders.update().where(_h.id == sa.bindparam("b_id")).values(held=sa.bindparam("b_held"))
