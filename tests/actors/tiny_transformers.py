"""Hugging Face models with a few random weights, saved as the real ones are."""

import importlib.util
import json
from pathlib import Path

from actors.nodes._progress_bars import keep_progress_bars_from_threads

_SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "house", "is", "warm", "."]


def is_installed() -> bool:
    """Return whether there is what makes and loads them."""
    return all(map(importlib.util.find_spec, ("PIL", "torch", "transformers")))


def _keep_progress_bars_quiet() -> None:
    # Saving shows one too, and with the first of them comes a thread.
    keep_progress_bars_from_threads(extra="models", node_type="a test")


def _bert_config(**more):
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(_WORDS),
        intermediate_size=16,
        max_position_embeddings=64,
        **_SIZES,
        **more,
    )


def save_bert(folder: Path, head: str, **config) -> Path:
    """Write a BERT with a head such as "ForMaskedLM", and its tokenizer."""
    _keep_progress_bars_quiet()
    import transformers

    model = getattr(transformers, f"Bert{head}")(_bert_config(**config))
    model.save_pretrained(folder)
    _tokenizer("WordPiece", _WORDS).save_pretrained(folder)
    return folder


def save_gpt2(folder: Path) -> Path:
    """Write a GPT-2, its tokenizer and a chat template."""
    _keep_progress_bars_quiet()
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(_WORDS), n_embd=16, n_layer=1, n_head=2, n_positions=64,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer = _tokenizer("WordPiece", _WORDS)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    tokenizer.save_pretrained(folder)
    return folder


def save_wav2vec2(folder: Path, head: str = "ForCTC", **config) -> Path:
    """Write a wav2vec2 for speech at 16 kHz."""
    _keep_progress_bars_quiet()
    import transformers as tf

    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", "a", "b", "c"]
    sizes = tf.Wav2Vec2Config(
        vocab_size=len(letters), intermediate_size=16, conv_dim=(16, 16), conv_stride=(10, 16),
        conv_kernel=(10, 16), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, classifier_proj_size=16, **_SIZES, **config,
    )  # fmt: skip
    getattr(tf, f"Wav2Vec2{head}")(sizes).save_pretrained(folder)
    tf.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: place for place, letter in enumerate(letters)}))
    tf.Wav2Vec2CTCTokenizer(str(vocabulary)).save_pretrained(folder)
    return folder


def save_vit(folder: Path) -> Path:
    """Write a ViT that tells three labels in images."""
    _keep_progress_bars_quiet()
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(image_size=16, patch_size=8, intermediate_size=16, num_labels=3, **_SIZES)
    ViTForImageClassification(config).save_pretrained(folder)
    sizes = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    (folder / "preprocessor_config.json").write_text(json.dumps(sizes))
    return folder


def save_yolos(folder: Path) -> Path:
    """Write a YOLOS that finds objects in images."""
    _keep_progress_bars_quiet()
    from transformers import YolosConfig, YolosForObjectDetection

    config = YolosConfig(
        image_size=[16, 16], patch_size=8, intermediate_size=16, num_detection_tokens=3, **_SIZES
    )
    YolosForObjectDetection(config).save_pretrained(folder)
    sizes = {"image_processor_type": "YolosImageProcessor", "size": {"height": 16, "width": 16}}
    (folder / "preprocessor_config.json").write_text(json.dumps(sizes))
    return folder


def save_vits(folder: Path) -> Path:
    """Write a VITS that speaks at 16 kHz."""
    _keep_progress_bars_quiet()
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    letters = {letter: place for place, letter in enumerate("_abcdefgh ")}
    config = VitsConfig(
        vocab_size=len(letters), flow_size=16, spectrogram_bins=17, ffn_dim=16,
        upsample_initial_channel=32, upsample_rates=[4, 4], upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], wavenet_kernel_size=3,
        prior_encoder_num_flows=1, prior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=1, posterior_encoder_num_wavenet_layers=1,
        duration_predictor_filter_channels=16, **_SIZES,
    )  # fmt: skip
    VitsModel(config).save_pretrained(folder)
    vocabulary = folder / "letters.json"
    vocabulary.write_text(json.dumps(letters))
    VitsTokenizer(str(vocabulary), pad_token="_", phonemize=False, is_uroman=False).save_pretrained(
        folder
    )
    return folder


def _tokenizer(kind: str, words: list[str]):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate(words)}
    tokenizer = Tokenizer(getattr(models, kind)(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
