import math

import pytest
import torch

from diffusion.gaussian import STEPS, GaussianDiffusion, discretized_log_likelihood, normal_kl


@pytest.fixture(scope="module")
def diffusion():
    return GaussianDiffusion()


def test_process_and_losses_equal_the_reference_numbers(diffusion, golden):
    numbers = golden("diffusion")
    t = numbers["t"]
    x_t = diffusion.q_sample(numbers["x_start"], t, numbers["noise"])
    torch.testing.assert_close(x_t, numbers["x_t"], rtol=2e-5, atol=1e-6)
    mse, vb = diffusion.losses(numbers["model_output"], numbers["x_start"], numbers["x_t"], t, numbers["noise"])
    torch.testing.assert_close(mse, numbers["mse"], rtol=2e-5, atol=0)
    torch.testing.assert_close(vb, numbers["vb"], rtol=5e-4, atol=0)
    names = ("mean", "log_variance", "pred_xstart")
    for name, ours in zip(names, diffusion.p_mean_variance(numbers["model_output"], x_t, t, clip=True), strict=True):
        torch.testing.assert_close(ours.expand_as(numbers[name]), numbers[name], rtol=2e-5, atol=1e-6)


def test_one_jump_to_t_has_the_moments_of_t_small_steps(diffusion):
    beta = torch.linspace(1e-4, 2e-2, STEPS, dtype=torch.float64)
    mean, variance = 1.0, 0.0
    for t in range(300):
        mean, variance = mean * math.sqrt(1 - beta[t]), variance * (1 - beta[t]) + beta[t]
    assert diffusion.sqrt_alpha_bar[299].item() == pytest.approx(float(mean), rel=1e-12)
    assert diffusion.sqrt_one_minus_alpha_bar[299].item() == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_the_posterior_is_that_of_bayes(diffusion):
    """q(x_{t-1} | x_t, x_0) from the product of its two Gaussians."""
    t = 123
    beta = torch.linspace(1e-4, 2e-2, STEPS, dtype=torch.float64)[t]
    before = diffusion.sqrt_alpha_bar[t - 1], diffusion.sqrt_one_minus_alpha_bar[t - 1] ** 2
    precision = (1 - beta) / beta + 1 / before[1]
    x_0, x_t = 0.3, -0.8
    mean = (x_t * (1 - beta).sqrt() / beta + before[0] * x_0 / before[1]) / precision
    ours, log_variance = diffusion.q_posterior(torch.tensor([x_0]), torch.tensor([x_t]), torch.tensor([t]))
    assert ours.item() == pytest.approx(mean.item(), rel=1e-5)
    assert log_variance.item() == pytest.approx(-precision.log().item(), rel=1e-5)


def test_the_first_posterior_variance_is_that_of_the_second(diffusion):
    assert diffusion.posterior_log_variance[0] == diffusion.posterior_log_variance[1]
    assert diffusion.posterior_log_variance.isfinite().all()


def test_v_interpolates_between_the_bounds_of_the_variance(diffusion):
    x_t, t = torch.randn(1, 3, 4, 4), torch.tensor([500])
    for v, bound in ((-1.0, diffusion.posterior_log_variance), (1.0, diffusion.log_beta)):
        output = torch.cat([torch.randn(1, 3, 4, 4), torch.full((1, 3, 4, 4), v)], dim=1)
        _, log_variance, _ = diffusion.p_mean_variance(output, x_t, t, clip=False)
        torch.testing.assert_close(log_variance, torch.full_like(x_t, bound[500].item()))


def test_the_true_noise_leads_back_to_the_picture_and_only_clipping_limits_it(diffusion):
    x_0, noise, t = torch.rand(4, 3, 8, 8) * 4 - 2, torch.randn(4, 3, 8, 8), torch.tensor([0, 10, 400, 700])
    x_t = diffusion.q_sample(x_0, t, noise)
    output = torch.cat([noise, noise], dim=1)
    torch.testing.assert_close(diffusion.p_mean_variance(output, x_t, t, clip=False)[2], x_0, rtol=1e-4, atol=1e-4)
    clipped = diffusion.p_mean_variance(output, x_t, t, clip=True)[2]
    torch.testing.assert_close(clipped, x_0.clamp(-1, 1), rtol=1e-4, atol=1e-4)


def test_the_bound_trains_the_variance_only(diffusion):
    output = torch.randn(2, 6, 4, 4, requires_grad=True)
    x_0, noise, t = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.tensor([0, 500])
    diffusion.losses(output, x_0, diffusion.q_sample(x_0, t, noise), t, noise)[1].sum().backward()
    assert not output.grad[:, :3].any()
    assert output.grad[:, 3:].any()


def test_a_perfect_prediction_has_no_divergence(diffusion):
    x_0, noise, t = torch.rand(1, 3, 4, 4), torch.randn(1, 3, 4, 4), torch.tensor([500])
    output = torch.cat([noise, -torch.ones_like(noise)], dim=1)
    mse, vb = diffusion.losses(output, x_0, diffusion.q_sample(x_0, t, noise), t, noise)
    assert mse.item() == 0
    assert vb.abs().item() < 1e-5


def test_min_snr_weights_make_it_the_error_of_x_0_where_that_can_be_known(diffusion):
    t = torch.tensor([0, 50, 300, 500, 900, 999])
    x_t, noise, predicted = torch.randn(3, 6, 3, 4, 4)
    error = (noise - predicted).square().mean(dim=(1, 2, 3))
    images = [diffusion.predict_x_0(x_t, t, each) for each in (noise, predicted)]
    of_x_0 = (images[0] - images[1]).square().mean(dim=(1, 2, 3))
    weighted = diffusion.min_snr_weight(t, 0.1) * error
    torch.testing.assert_close(weighted[:3], of_x_0[:3], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weighted[3:], 10 * error[3:])


def test_small_weights_are_raised_to_the_least(diffusion):
    t = torch.arange(1000)
    plain, raised = (diffusion.min_snr_weight(t, 0.1, least) for least in (0, 1))
    assert plain[0] < 1e-3
    assert torch.equal(raised, plain.clamp(min=1))


def test_divergence_equals_torchs():
    means, log_variances = torch.randn(2, 50), torch.randn(2, 50)
    first, second = (torch.distributions.Normal(means[i], (log_variances[i] / 2).exp()) for i in (0, 1))
    expected = torch.distributions.kl_divergence(first, second)
    torch.testing.assert_close(normal_kl(means[0], log_variances[0], means[1], log_variances[1]), expected)


def test_the_probabilities_of_all_pixel_values_add_up_to_one():
    values = torch.linspace(-1, 1, 256, dtype=torch.float64)
    for mean, log_scale in ((0.2, -2.0), (-0.99, -1.0), (1.5, 0.5)):
        log_likelihood = discretized_log_likelihood(values, torch.tensor(mean), torch.tensor(log_scale))
        assert log_likelihood.exp().sum().item() == pytest.approx(1, abs=1e-6)
