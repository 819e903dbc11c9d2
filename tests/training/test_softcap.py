"""A head that bounds its logits is trained by the loss and the gradients of transformers' Gemma 2, in float64."""

import dataclasses
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers

from eigenlm.checkpoint import read_model
from eigenlm.training import read_recipe
from eigenlm.training.losses import CrossEntropyTerms
from eigenlm.training.objective import Learner

SIZES = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64}


def test_the_loss_of_gemma_2_and_its_gradients_are_those_of_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**SIZES, final_logit_softcapping=3.0))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(0, 0.3)
    theirs.save_pretrained(tmp_path)
    ids = torch.randint(1, 96, (2, 17), generator=torch.Generator().manual_seed(0))
    logits = theirs.double()(input_ids=ids[:, :-1]).logits
    want = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
    want.backward()
    model = read_model(tmp_path).model.train()
    loss = Learner(model, CrossEntropyTerms())(ids[:, :-1], ids[:, 1:])
    loss.backward()
    assert logits.abs().max() > 2.5  # the bound is felt
    torch.testing.assert_close(loss.detach(), want.detach(), rtol=1e-6, atol=0)  # float32 rounds at 6e-8
    pairs = {
        model.embedding.token.weight: theirs.model.embed_tokens.weight,
        model.blocks[1].attention.query.weight: theirs.model.layers[1].self_attn.q_proj.weight,
        model.blocks[0].feed_forward.down.weight: theirs.model.layers[0].mlp.down_proj.weight,
    }
    for ours, other in pairs.items():
        assert float((ours.grad - other.grad).norm() / other.grad.norm()) < 1e-5  # float32 through two layers


def test_a_recipe_may_bound_its_logits() -> None:
    recipe = read_recipe(Path(__file__).parents[2] / "recipes" / "gpt_small.py", depth=1)
    capped = dataclasses.replace(recipe.model, head=dataclasses.replace(recipe.model.head, softcap=30.0))
    assert dataclasses.replace(recipe, model=capped).model.head.softcap == 30.0
