from __future__ import annotations

from typing import Any

import pytest

from cnstra import CNS, Axon, BindingError, collateral, neuron
from cnstra.errors import GraphError


class OrderAxon(Axon):
    placed = collateral(str)
    cancelled = collateral(str)


def heard_by(mailer: Any) -> list[str]:
    """Return what *mailer* does with a signal on each collateral of an order."""
    seen: list[str] = []
    cns = CNS([mailer], global_=seen)
    cns.stimulate([OrderAxon.placed.create_signal("p"), OrderAxon.cancelled.create_signal("c")])
    return seen


def placed(payload: str, axon: object, ctx: Any) -> None:
    ctx.global_.append(f"placed {payload}")


def cancelled(payload: str, axon: object, ctx: Any) -> None:
    ctx.global_.append(f"cancelled {payload}")


@pytest.mark.parametrize(
    "target",
    [neuron(OrderAxon), OrderAxon, OrderAxon(), {"placed": OrderAxon.placed, "cancelled": OrderAxon.cancelled}],
    ids=["neuron", "class", "object", "mapping"],
)
def test_every_collateral_of_an_axon_gets_the_handler_of_its_name(target: Any) -> None:
    mailer = neuron({})

    assert mailer.bind(target, {"cancelled": cancelled, "placed": placed}) is mailer

    assert [dendrite.collateral for dendrite in mailer.dendrites] == [OrderAxon.placed, OrderAxon.cancelled]
    assert heard_by(mailer) == ["placed p", "cancelled c"]


def test_missing_and_unknown_names_are_both_listed() -> None:
    mailer = neuron({}, name="mailer")

    with pytest.raises(BindingError) as refused:
        mailer.bind(OrderAxon, {"placed": placed, "canceled": cancelled, "shipped": placed})

    assert (refused.value.missing, refused.value.unknown) == (("cancelled",), ("canceled", "shipped"))
    assert str(refused.value) == (
        "neuron mailer does not bind exhaustively: no handler for 'cancelled'; the axon has no 'canceled', 'shipped'"
    )


@pytest.mark.parametrize(
    "handlers", [{}, {"placed": placed}, {"placed": placed, "cancelled": cancelled, "more": placed}]
)
def test_a_refused_binding_adds_nothing(handlers: Any) -> None:
    mailer = neuron({})

    with pytest.raises(BindingError):
        mailer.bind(OrderAxon, handlers)

    assert list(mailer.dendrites) == []


@pytest.mark.parametrize(
    "handler", [None, 5, lambda one, two, three, four: None], ids=["None", "number", "four arguments"]
)
def test_a_handler_that_cannot_be_called_adds_nothing(handler: Any) -> None:
    mailer = neuron({})

    with pytest.raises(GraphError):
        mailer.bind(OrderAxon, {"placed": placed, "cancelled": handler})

    assert list(mailer.dendrites) == []


def test_an_empty_axon_is_bound_by_no_handlers() -> None:
    assert list(neuron({}).bind({}, {}).dendrites) == []


def test_a_class_binds_with_one_method_a_name() -> None:
    mailer = neuron({})

    @mailer.bind(OrderAxon)
    class Mail:
        def __init__(self) -> None:
            self.count = 0

        def placed(self, payload: str, axon: object, ctx: Any) -> None:
            self.count += 1
            ctx.global_.append(f"{self.count} {payload}")

        def cancelled(self, payload: str, axon: object, ctx: Any) -> None:
            self.placed(payload, axon, ctx)

        def _private(self) -> None:
            pass

        subject = "not a handler"

    assert isinstance(Mail, type)
    assert heard_by(mailer) == ["1 p", "2 c"]


def test_a_class_may_inherit_its_methods() -> None:
    class Placing:
        def placed(self, payload: str, axon: object, ctx: Any) -> None:
            placed(payload, axon, ctx)

    mailer = neuron({})

    @mailer.bind(OrderAxon)
    class Mail(Placing):
        @staticmethod
        def cancelled(payload: str, axon: object, ctx: Any) -> None:
            cancelled(payload, axon, ctx)

    assert heard_by(mailer) == ["placed p", "cancelled c"]


def test_a_class_with_a_missing_or_unknown_method_is_refused_when_it_is_declared() -> None:
    mailer = neuron({}, name="mailer")

    with pytest.raises(BindingError, match=r"no handler for 'cancelled'; the axon has no 'canceled'"):

        @mailer.bind(OrderAxon)
        class Mail:
            def placed(self) -> None:
                pass

            def canceled(self) -> None:
                pass

    assert list(mailer.dendrites) == []


def test_a_refused_class_is_not_instantiated() -> None:
    made: list[object] = []

    with pytest.raises(BindingError):

        @neuron({}).bind(OrderAxon)
        class Mail:
            def __init__(self) -> None:
                made.append(self)

    assert made == []


def test_a_class_whose_constructor_needs_arguments_is_refused() -> None:
    mailer = neuron({}, name="mailer")

    with pytest.raises(GraphError, match=r"Mail is bound to neuron mailer without arguments, but .*'server'"):

        @mailer.bind(OrderAxon)
        class Mail:
            def __init__(self, server: str) -> None:
                pass

            def placed(self) -> None:
                pass

            def cancelled(self) -> None:
                pass

    assert list(mailer.dendrites) == []


def test_a_binding_and_single_dendrites_go_together() -> None:
    other = collateral(int)

    mailer = neuron({}).dendrite(other, print).bind(OrderAxon, {"placed": placed, "cancelled": cancelled})

    assert [dendrite.collateral for dendrite in mailer.dendrites] == [other, OrderAxon.placed, OrderAxon.cancelled]


async def test_a_bound_coroutine_function_is_awaited() -> None:
    seen: list[str] = []

    async def later(payload: str) -> None:
        seen.append(payload)

    cns = CNS([neuron({}).bind(OrderAxon, {"placed": later, "cancelled": later})])
    await cns.stimulate(OrderAxon.cancelled.create_signal("c"))

    assert seen == ["c"]


def test_a_class_that_is_declared_after_the_cns_is_refused() -> None:
    mailer = neuron({})
    late = mailer.bind({})
    CNS([mailer])

    with pytest.raises(GraphError, match="part of a CNS"):
        late(type("Mail", (), {}))
