"""What `watch` tells is what a module computes, and nothing stays behind."""

import pytest
import torch
from torch import nn

from eigenlm.observe import linears, watch
from eigenlm.observe.watch import frozen


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def test_inputs_outputs_and_gradients_are_those_of_autograd():
    module, x = make(), torch.randn(6, 5)
    first = module[0](x)
    first.retain_grad()
    hidden = module[1](first)
    last = module[2](hidden)
    last.retain_grad()
    last.square().sum().backward()
    got = {"in": {}, "out": {}, "back": {}}
    with (
        frozen(module),
        watch(
            linears(module),
            inputs=got["in"].__setitem__,
            outputs=got["out"].__setitem__,
            gradients=got["back"].__setitem__,
        ),
    ):
        module(x).square().sum().backward()
    for told, want in (("in", (x, hidden)), ("out", (first, last)), ("back", (first.grad, last.grad))):
        for name, tensor in zip("02", want):
            torch.testing.assert_close(got[told][name], tensor)
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_arguments_come_as_they_were_given():
    class Two(nn.Module):
        def forward(self, x, *, scale):
            return x * scale

    seen = []
    part = Two()
    with watch({"two": part}, inputs=lambda name, *given, **options: seen.append((name, given, options))):
        part(1.0, scale=3.0)
    assert seen == [("two", (1.0,), {"scale": 3.0})]


def test_no_hook_stays_behind():
    module = make()
    with pytest.raises(KeyError), watch(linears(module), inputs=print, outputs=print, gradients=print):
        raise KeyError
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
