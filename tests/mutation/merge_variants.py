"""Other configs and names of the adapters in make_merges.py, and what is to come of them: the same, or a refusal."""

QUANTISED = {"base": {"quantization_config": {"quant_method": "bitsandbytes"}}, "want": "the base is quantised"}


def named(*pairs):
    return {"rename adapter": [list(x) for x in pairs]}


def roots(kinds):
    """The path of the modules begins otherwise, in the adapter or in the base."""
    first = r"^(base_model\.model\.)model\."
    return [named((first, rf"\1{x}")) for x in kinds] + [
        {"base": {"model_type": "unheard"}, "rename base": [[r"^model\.", x]], "rename adapter": [[first, rf"\1{y}"]], "want": {}}
        for x, y in [*((x, y) for x in kinds if x for y in ("model.", x)), ("language_model.model.", ""), ("", "language_model.model.")]]


RESIDUES = [named(*x) for x in (
    [(r"^", "_orig_mod.")], [(r"^", "module.")], [(r"^", "_fsdp_wrapped_module.")],
    [(r"^(base_model\.model\.)", r"\1_orig_mod.")], [(r"(layers\.1)\.", r"\1._fsdp_wrapped_module.")],
    [(r"(layers\.1)\.", r"\1._orig_mod.")],
    [(r"^base_model\.model\.", "base_model.model.base_model.model.")], [(r"^base_model\.model\.", "")],
    [(r"lora_([AB])\.weight$", r"lora_\1.default.weight")], [(r"lora_([AB])\.weight$", r"lora_\1.my.run.2.weight")],
    [(r"lora_([AB])\.weight$", r"lora_\1.mine")])]

REFUSED = [{"adapter": change, "want": want} for change, want in (
    ({"r": None}, "no config has adapter.r"), ({"lora_alpha": None}, "no config has adapter.lora_alpha"), ({"r": 0}, "the rank is a positive number"), ({"r": 3}, "shapes do not fit"),
    ({"peft_type": "IA3"}, "no LoRA"), ({"init_lora_weights": "pissa"}, "changed the base"), ({"init_lora_weights": 1}, "changed the base"),
    ({"alora_invocation_tokens": [1]}, "aLoRA"), ({"arrow_config": {"top_k": 3}}, "Arrow"), ({"kasa_config": {"beta": 1.0}}, "KaSA"),
    ({"use_qalora": True}, "QALoRA"), ({"use_bdlora": {"n": 2}}, "block-diagonal"), ({"layer_replication": [[0, 1]]}, "layer_replication"),
    ({"use_dora": True, "lora_bias": True}, "no DoRA with lora_bias"), ({"lora_B_layout": "mixed"}, "mixed file"),
    ({"orientation": "across"}, "out_in or in_out"), ({"use_dora": True}, "lora_magnitude_vector"),
    ({"use_dora": True, "lora_bias": None}, "lora_magnitude_vector"))]
AGREED = [{"adapter": x} for x in (
    {"peft_type": None}, *({"init_lora_weights": x} for x in (None, True, False, "gaussian", "orthogonal", "eva", "mica")),
    {"lora_B_layout": "rank_major"}, {"use_dora": None}, {"fan_in_fan_out": None}, {"use_rslora": None}, {"use_qalora": None},
    {"lora_bias": None}, {"lora_B_layout": "grouped_by_expert"}, {"orientation": "in_out"}, {"orientation": "out_in"})]
PREFIX = "base_model.model.model."

PEFT_VARIANTS = {
    "peft-lora": [*RESIDUES, *REFUSED, *AGREED, QUANTISED,
                  *({"base": {"_name_or_path": x}, "adapter": {"base_model_name_or_path": y}, "want": {}} for x, y in (
                      ("a/one", "a/two"), ("a/one", "a/one"), ("a/one", "two"), ("one", "a/two"), (None, "a/two"))),
                  {"add adapter": {PREFIX + "layers.0.self_attn.q_proj.lora_velora_embed": [2]}},
                  {"add adapter": {PREFIX + "layers.0.self_attn.q_proj.lora_velora_embed.default": [2]}},
                  {"add adapter": {PREFIX + "layers.0.self_attn.q_proj.lora_monteclora_sampler.default.weight": [2]}},
                  {"add adapter": {PREFIX + "layers.0.self_attn.q_proj.lora_other": [2]}, "want": "taken by no rule"}],
    "peft-rslora": [named((r"^base_model\.model\.", "base_model.")),
                    {"base": {"model_type": "unheard"}, "rename base": [[r"^model\.", ""]],
                     "rename adapter": [[r"^base_model\.model\.model\.", "base_model."]], "want": {}}] + roots(["model.", "", "transformer.", "language_model.", "model.language_model.", "language_model.model."]),
    "peft-dora": [named((r"(lora_magnitude_vector).*", r"\1" + x)) for x in (".default", ".default.weight", ".weight", "")]
    + [named((r"lora_embedding_([AB])$", r"lora_embedding_\1.default")),
       {"adapter": {"use_dora": None}, "want": "taken by no rule"}],
    "peft-bias": [named((r"lora_B\.bias", "lora_B.default.bias")), {"adapter": {"lora_bias": None}}, {"adapter": {"use_dora": None}}],
    "peft-biases": [named((r"q_proj\.bias", "q_proj.base_layer.bias"))],
    "peft-embedding": [*({"base": {"architectures": [x], "tie_word_embeddings": y, "model_type": "unheard"}, "want": z} for x, y, z in (
        ("SomeForConditionalGeneration", None, "may tie other tensors"), ("SomeForMaskedLM", True, "may tie other tensors"),
        ("SomeForPreTraining", None, "may tie other tensors"), ("SomeForMaskedLM", False, {}), ("SomeForTokenClassification", None, {}),
        ("QwenVLForConditionalGeneration", None, {}), ("SomeForCausalLM", None, {}), ("SomeLMHeadModel", None, {}))), named((r"lora_embedding_([AB])$", r"lora_embedding_\1.default")), named((r"lora_embedding_([AB])$", r"lora_embedding_\1.a.b"))],
    "peft-tokens": [named((r"(trainable_tokens_delta)$", r"\1.default"))],
    "peft-saved": [named((r"\.norm\.weight", ".norm.modules_to_save.weight")), named((r"\.norm\.weight", ".norm.modules_to_save.default.weight")),
                   {"add adapter": {PREFIX + "norm.original_module.weight": [12]}}],
    "peft-attention": [{"adapter": {"use_rslora": True}, "want": {}}, {"adapter": {"use_rslora": None}},
                       {"adapter": {"lora_alpha": 9, "alpha_pattern": {"attn": 4}}},
                       {"adapter": {"r": 9, "rank_pattern": {"attn": 2}}}],
    "peft-convolutions": [*({"adapter": {"use_rslora": x}, "want": {}} for x in (True, None)), {"adapter": {"use_dora": None}},
                          {"adapter": {"lora_alpha": 9, "alpha_pattern": {"seq": 4, "patch": 4, "video": 4}}},
                          {"adapter": {"r": 9, "rank_pattern": {"seq": 2, "patch": 2, "video": 2}}}],
    "peft-convolutions-dora": [{"adapter": {"use_dora": None}, "want": "taken by no rule"}],
    "peft-experts": [{"adapter": {"use_rslora": None}}, {"adapter": {"use_rslora": True}, "want": {}},
                     {"adapter": {"lora_B_layout": "grouped_by_expert"}, "want": {}},
                     {"adapter": {"alpha_pattern": {"experts.down": 4, "gate_up": 8}}, "want": {}}],
    "peft-parameters": [{"adapter": {"use_rslora": None}}, {"adapter": {"use_rslora": True}, "want": {}}],
    "peft-conv": [{"adapter": {"fan_in_fan_out": False}, "want": {}}, {"adapter": {"fan_in_fan_out": None}, "want": {}},
                  {"adapter": {"use_dora": None}}],
    "peft-conv-dora": [{"adapter": {"fan_in_fan_out": False}, "want": {}}, {"adapter": {"fan_in_fan_out": None}, "want": {}}],
}

SHARED = {
    "lora-lit": [{"adapter": {"era": 3}}, {"adapter": {"era": 2}}, {"adapter": {"era": 1}, "want": "eras 2 and 3"},
                 {"base": {"head_size": None}}, {"base": {"mlp_class_name": "Unheard"}},
                 {"add adapter": {"transformer.h.0.attn.qkv.lora_A": [2, 12], "transformer.h.0.attn.qkv.lora_B": [24, 2]}, "want": "shapes do not fit"},
                 {"adapter": {"lora_alpha": None}, "want": "scale is not known"}],
    "lora-lit-legacy": [{"adapter": {"era": 1}}, {"adapter": {"era": 2}, "want": "eras 0 and 1"}, {"adapter": {"era": 0}, "want": {}},
                        {"base": {"head_size": None}}, {"base": {"_mlp_class": "Unheard"}},
                        {"add adapter": {"transformer.h.0.attn.attn.lora_A": [2, 12], "transformer.h.0.attn.attn.lora_B": [24, 2]},
                         "want": "shapes do not fit"}],
    "lora-mlx": [QUANTISED, *({"base": {"tie_word_embeddings": x}, "want": "tied head"} for x in (True, None)), {"adapter": {"fine_tune_type": None}}, {"adapter": {"fine_tune_type": "full"}, "want": "no adapter"},
                 {"base": {"model_type": "unheard"}},
                 {"add adapter": {"model.layers.0.mlp.switch_mlp.up_proj.lora_a": [12, 2]}, "want": "mlx stacks the experts"}],
    "lora-torchtune": [QUANTISED, {"adapter": {"use_dora": None}}, {"base": {"head_dim": None}}, {"base": {"num_key_value_heads": None}, "want": "shapes do not fit"},
                       {"config of adapter": {"model": {"lora_rank": 2, "lora_alpha": 8, "use_dora": False}}},
                       {"config of adapter": {"r": 5, "lora_alpha": 5, "use_dora": True, "model": {"lora_rank": 2, "lora_alpha": 8, "use_dora": False}}},
                       *[{"base": {"model_type": x}} for x in ("mistral", "gemma", "gemma2")],
                       {"base": {"model_type": "qwen3"}, "want": {}}, {"base": {"model_type": "phi3"}, "want": "taken by no rule"},
                       {"base": {"model_type": "starcoder2"}, "want": "how torchtune orders"}, {"adapter": {"batch_size": 4}},
                       {"adapter": {"r": None}, "want": "no config has adapter.r"}, {"adapter": {"lora_alpha": None}, "want": "no config has adapter.lora_alpha"}],
    "lora-torchtune-mha": [{"base": {"num_key_value_heads": None}}],
    "lora-torchtune-qwen2": [{"base": {"model_type": "qwen3"}}],
}
