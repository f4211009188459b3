"""Which of PyTorch's operators cost no multiply-accumulates with weights."""

from __future__ import annotations

from typing import Any

__all__ = ["is_free"]

# Normalisation, pooling, resampling, reductions and data movement; views and elementwise operators
# are told by their schema and tags. An operator that is neither is reported as not modelled.
_FREE_NAMES = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    cudnn_batch_norm native_layer_norm native_group_norm _fused_rms_norm
    native_dropout bernoulli bernoulli_ rand rand_like randn randn_like normal_functional
    max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_unpool2d max_unpool3d
    avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    adaptive_avg_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa
    _upsample_bicubic2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d grid_sampler_2d grid_sampler_3d affine_grid_generator
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    _softmax _log_softmax _safe_softmax prelu _prelu_kernel rrelu_with_noise glu
    cat stack clone copy copy_ _to_copy contiguous empty_like zeros_like ones_like full_like
    new_zeros new_ones new_empty new_full new_empty_strided lift_fresh lift_fresh_copy
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d roll flip rot90 repeat repeat_interleave _reshape_copy
    _unsafe_view index index_select index_put index_put_ gather scatter scatter_add masked_fill
    masked_fill_ masked_select embedding embedding_bag im2col col2im tril triu topk sort argsort
    argmax argmin max min amax amin sum mean prod std var std_mean var_mean norm
    linalg_vector_norm cumsum cumprod any all nonzero unique2 _unique2 bincount searchsorted
    bucketize one_hot arange scalar_tensor where slice_scatter select_scatter fill fill_ zero_
    _local_scalar_dense unsafe_split unsafe_split_with_sizes unsafe_chunk split_copy view_copy
    empty empty_strided zeros ones full eye linspace tril_indices triu_indices isin
    masked_scatter index_add index_copy index_fill histc cummax cummin median kthvalue
"""
_FREE = frozenset(_FREE_NAMES.split())


def is_free(func: Any, name: str) -> bool:
    """True for elementwise operators, views and what the list above holds."""
    import torch

    if torch.Tag.pointwise in func.tags or name in _FREE:
        return True
    returns = func._schema.returns
    views = [part for part in returns if part.alias_info and not part.alias_info.is_write]
    return bool(views) and len(views) == len(returns)
