"""Sampling operations that follow a flow: one public function each, and their plain definitions in `reference`."""

from flow_ops.grids import resize_flow
from flow_ops.ops import bilinear_warp, flow_local_attention, gaussian_warp, self_correlation

__all__ = ["bilinear_warp", "flow_local_attention", "gaussian_warp", "resize_flow", "self_correlation"]
