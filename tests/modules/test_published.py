"""Models of transformers and torchvision as they are, where these are installed.

pip install transformers torchvision && pytest -m slow tests/modules/test_published.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are PyTorch's")

import torch
from torch import Tensor, nn

import conserved as cq

pytestmark = pytest.mark.slow

SIZES = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "max_position_embeddings": 32}
GROUPED = SIZES | {"num_key_value_heads": 2}
GPT2 = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}
MAMBA = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}
T5 = {"vocab_size": 50, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 4}
LANGUAGE = {
    "LlamaForCausalLM": ("LlamaConfig", GROUPED),
    "MistralForCausalLM": ("MistralConfig", GROUPED),
    "Qwen3ForCausalLM": ("Qwen3Config", GROUPED | {"head_dim": 4}),
    "Gemma2ForCausalLM": ("Gemma2Config", GROUPED | {"head_dim": 4}),
    "GPTNeoXForCausalLM": ("GPTNeoXConfig", SIZES),
    "GPT2LMHeadModel": ("GPT2Config", GPT2),
    "MambaForCausalLM": ("MambaConfig", MAMBA),
    "BertForMaskedLM": ("BertConfig", SIZES),
    "T5EncoderModel": ("T5Config", T5),
}
PICTURES = ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "squeezenet1_0"]


class Logits(nn.Module):
    """Token indices to logits, or to the last hidden state."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, tokens: Tensor) -> Any:
        found = self.model(tokens)
        return found.logits if hasattr(found, "logits") else found.last_hidden_state


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    config, sizes = LANGUAGE[name]
    config = getattr(transformers, config)(**sizes)
    config.use_cache = False
    model = Logits(getattr(transformers, name)(config))
    assert_covered(lambda: cq.coverage(model, torch.zeros(1, 6, dtype=torch.int64)))


@pytest.mark.parametrize("name", PICTURES)
def test_models_of_pictures(name: str) -> None:
    try:
        from torchvision import models
    except Exception as error:  # made for another torch, it fails with a RuntimeError
        pytest.skip(f"torchvision: {error}")
    model = getattr(models, name)(weights=None).eval()
    assert_covered(lambda: cq.coverage(model, torch.zeros(1, 3, 64, 64)))


def assert_covered(made: Callable[[], Any]) -> None:
    found = made()
    assert found.complete, str(found)[-600:]
