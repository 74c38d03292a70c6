"""The diffusion process: noise schedule, q, p with learned range, and the hybrid loss.

Notation of Ho et al., "Denoising Diffusion Probabilistic Models" (DDPM), and Nichol & Dhariwal, "Improved Denoising
Diffusion Probabilistic Models" (IDDPM). Tables are float64; results are float32. t is (B,), images are (B, 3, H, W).
"""

import math

import torch
from torch import nn

STEPS = 1000
BETA_FIRST, BETA_LAST = 1e-4, 2e-2


class GaussianDiffusion(nn.Module):
    """A linear schedule of 1000 steps. A module only so that its tables follow to a device; it has no weights."""

    sqrt_alpha_bar: torch.Tensor
    sqrt_one_minus_alpha_bar: torch.Tensor
    x_0_from_noise: torch.Tensor

    def __init__(self):
        super().__init__()
        beta = torch.linspace(BETA_FIRST, BETA_LAST, STEPS, dtype=torch.float64)
        alpha_bar = (1 - beta).cumprod(dim=0)
        alpha_bar_previous = torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])
        variance = beta * (1 - alpha_bar_previous) / (1 - alpha_bar)  # DDPM (7)

        tables = {
            "log_beta": beta.log(),
            "sqrt_alpha_bar": alpha_bar.sqrt(),
            "sqrt_one_minus_alpha_bar": (1 - alpha_bar).sqrt(),
            "x_0_from_x_t": (1 / alpha_bar).sqrt(),
            "x_0_from_noise": (1 / alpha_bar - 1).sqrt(),
            "posterior_x_0": beta * alpha_bar_previous.sqrt() / (1 - alpha_bar),  # DDPM (7)
            "posterior_x_t": (1 - beta).sqrt() * (1 - alpha_bar_previous) / (1 - alpha_bar),
            "posterior_log_variance": torch.cat([variance[1:2], variance[1:]]).log(),  # At t = 0 it would be log 0.
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def _at(self, table, t):
        return table[t].float()[:, None, None, None]

    def q_sample(self, x_0, t, noise):
        """x_t ~ q(x_t | x_0). DDPM (4)."""
        return self._at(self.sqrt_alpha_bar, t) * x_0 + self._at(self.sqrt_one_minus_alpha_bar, t) * noise

    def q_posterior(self, x_0, x_t, t):
        """Mean and log-variance of q(x_{t-1} | x_t, x_0). DDPM (6), (7)."""
        mean = self._at(self.posterior_x_0, t) * x_0 + self._at(self.posterior_x_t, t) * x_t
        return mean, self._at(self.posterior_log_variance, t)

    def predict_x_0(self, x_t, t, noise):
        """The x_0 that this noise would have led from to x_t."""
        return self._at(self.x_0_from_x_t, t) * x_t - self._at(self.x_0_from_noise, t) * noise

    def p_mean_variance(self, output, x_t, t, clip):
        """Mean and log-variance of p(x_{t-1} | x_t), and the x_0 it aims at, for a network output (B, 6, H, W).

        clip: whether that x_0 is first held within [-1, 1]. The log-variance interpolates between the two bounds of
        the posterior's. IDDPM (15).
        """
        noise, v = output.float().chunk(2, dim=1)
        share = (v + 1) / 2
        log_variance = share * self._at(self.log_beta, t) + (1 - share) * self._at(self.posterior_log_variance, t)
        x_0 = self.predict_x_0(x_t, t, noise)
        x_0 = x_0.clamp(-1, 1) if clip else x_0
        mean, _ = self.q_posterior(x_0, x_t, t)
        return mean, log_variance, x_0

    def losses(self, output, x_0, x_t, t, noise):
        """Per sample (B,): the mean squared error of the noise, and the variational bound's term L_vb in bits.

        L_vb trains the variance only: the noise prediction is detached in it. IDDPM (16).
        """
        predicted, v = output.float().chunk(2, dim=1)
        mse = (noise - predicted).square().mean(dim=(1, 2, 3))

        frozen = torch.cat([predicted.detach(), v], dim=1)
        mean, log_variance, _ = self.p_mean_variance(frozen, x_t, t, clip=False)
        true_mean, true_log_variance = self.q_posterior(x_0, x_t, t)
        kl = normal_kl(true_mean, true_log_variance, mean, log_variance).mean(dim=(1, 2, 3))
        nll = -discretized_log_likelihood(x_0, mean, log_variance / 2).mean(dim=(1, 2, 3))
        return mse, torch.where(t == 0, nll, kl) / math.log(2)

    def min_snr_weight(self, t, gamma, least=0):
        """Weights (B,) of the noise's errors: min(SNR, gamma) / (SNR gamma), with SNR = alpha_bar / (1 - alpha_bar).

        Where SNR is above gamma, they make it x_0's error; below, where x_0 cannot be known, they stay at 1 / gamma.
        Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", up to the factor.
        Weights below `least` are raised to it: else little noise is never learned, and stays in the pictures.
        """
        return self.x_0_from_noise[t].square().clamp(least, 1 / gamma).float()


def normal_kl(mean1, log_variance1, mean2, log_variance2):
    """KL divergence of two normal distributions, element by element, in nats."""
    ratio = (log_variance1 - log_variance2).exp()
    distance = (mean1 - mean2).square() * (-log_variance2).exp()
    return 0.5 * (log_variance2 - log_variance1 + ratio + distance - 1)


def discretized_log_likelihood(x, mean, log_scale):
    """Log-probability of 8-bit values x in [-1, 1] under a normal distribution cut into their bins. DDPM (13)."""
    inverse = (-log_scale).exp()
    upper = _normal_cdf((x - mean + 1 / 255) * inverse)
    lower = _normal_cdf((x - mean - 1 / 255) * inverse)
    probability = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return probability.clamp(min=1e-12).log()


def _normal_cdf(z):
    """The usual tanh approximation."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
