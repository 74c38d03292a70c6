// Sampling along a flow, forward and backward: what flow_ops/reference.py defines, on a GPU.
//
// Layout. Features are channels last, (B, H, W, C), with C a multiple of the pack of 16 bytes in which they are read
// and written. Flow (B, 2, H, W), logits (B, k^2, H, W) and correlations (B, D^2, H, W) are planar and float. The grid
// of the source, height x width, may be another than the flow's, rows x columns. All sums are float.
//
// Work. LANES threads share a pixel: each takes every LANES-th pack of its channels, so that they read 128 bytes in a
// row. bilinear, gaussian and attention are each a sum over N x N neighbouring pixels of the source, weighted by what
// follows from flow and logits; every index is clamped to the source by itself, and NaN reads the first pixel.
//
// Parameters are pointers and 64 bit integers only, and offsets are 64 bit. No header is needed. THREADS, of a block,
// and LANES, a power of two up to 32, are given by whoever compiles this.

#ifdef __CUDACC__
#define DEVICE __device__ __forceinline__
DEVICE float half_to_float(unsigned short bits)
{
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
DEVICE unsigned short float_to_half(float x)
{
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
#endif

// Every thread of the warp must come here.
DEVICE float sum_over_lanes(float x)
{
    for (int step = LANES / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

typedef long long int64;

// ------------------------------------------------------------------------------------------------------------- numbers

struct Half { unsigned short bits; };
struct BFloat { unsigned short bits; };

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(Half x) { return half_to_float(x.bits); }
DEVICE float to_float(BFloat x) { return __uint_as_float((unsigned)x.bits << 16); }

DEVICE void assign(float& to, float x) { to = x; }
DEVICE void assign(Half& to, float x) { to.bits = float_to_half(x); }
DEVICE void assign(BFloat& to, float x)
{
    unsigned bits = __float_as_uint(x);
    bits += 0x7fffu + ((bits >> 16) & 1u);  // To the nearest, ties to even.
    to.bits = x == x ? (unsigned short)(bits >> 16) : (unsigned short)0x7fc0u;
}

// 16 bytes of neighbouring channels.
template <typename T> struct alignas(16) Pack
{
    static const int SIZE = 16 / sizeof(T);
    T values[SIZE];

    DEVICE float operator[](int i) const { return to_float(values[i]); }
    DEVICE void set(int i, float x) { assign(values[i], x); }
};

template <typename T> DEVICE Pack<T> read(const T* from) { return *reinterpret_cast<const Pack<T>*>(from); }
template <typename T> DEVICE void write(T* to, const Pack<T>& pack) { *reinterpret_cast<Pack<T>*>(to) = pack; }

// --------------------------------------------------------------------------------------------------------------- where

DEVICE int64 thread_index() { return (int64)blockIdx.x * blockDim.x + threadIdx.x; }

DEVICE int clamped(float index, int64 size) { return (int)fminf(fmaxf(index, 0.0f), (float)(size - 1)); }

// The end point of one pixel's flow.
struct Target
{
    int64 batch, place;      // The image, and the pixel within it.
    float top, left;         // The integer position above and left of the end point,
    float down, right;       // and what remains of it down and right.

    DEVICE Target(const float* flow, int64 pixel, int64 rows, int64 columns)
    {
        batch = pixel / (rows * columns);
        place = pixel - batch * rows * columns;
        const float* at = flow + batch * 2 * rows * columns + place;
        float y = (float)(place / columns) + at[rows * columns], x = (float)(place % columns) + at[0];
        top = floorf(y), left = floorf(x);
        down = y - top, right = x - left;
    }
};

// The N x N pixels of the source that a target reads, from `before` above and left of its corner on.
template <int N> struct Window
{
    int64 first[N];  // First pixel of each row.
    int column[N];

    DEVICE Window(const Target& target, int before, int64 height, int64 width)
    {
        #pragma unroll
        for (int a = 0; a < N; a++)
        {
            first[a] = (target.batch * height + clamped(target.top + (float)(a - before), height)) * width;
            column[a] = clamped(target.left + (float)(a - before), width);
        }
    }
    DEVICE int64 pixel(int a, int b) const { return first[a] + column[b]; }
};

// --------------------------------------------------------------------------------------------- weights of N x N pixels

// Each kind gives the weights of its N x N pixels, and leads gradients of the weights on to flow and logits.

struct Bilinear
{
    static const int N = 2, BEFORE = 0, LOGITS = 0;
    float y[N], x[N];

    DEVICE Bilinear(const Target& target, const float*, int64)
    {
        y[0] = 1.0f - target.down, y[1] = target.down;
        x[0] = 1.0f - target.right, x[1] = target.right;
    }
    DEVICE float weight(int a, int b) const { return y[a] * x[b]; }
    DEVICE void backward(const float (&g)[N][N], const Target&, float& to_y, float& to_x, float*, int64) const
    {
        to_y = (g[1][0] - g[0][0]) * x[0] + (g[1][1] - g[0][1]) * x[1];
        to_x = (g[0][1] - g[0][0]) * y[0] + (g[1][1] - g[1][0]) * y[1];
    }
};

struct Gaussian  // Of sigma 2, normalised over the four taps of each axis.
{
    static const int N = 4, BEFORE = 1, LOGITS = 0;
    float y[N], x[N];

    DEVICE Gaussian(const Target& target, const float*, int64)
    {
        axis(target.down, y);
        axis(target.right, x);
    }
    static DEVICE void axis(float fraction, float (&weights)[N])
    {
        float sum = 0.0f;
        #pragma unroll
        for (int a = 0; a < N; a++)
        {
            float distance = fraction - (float)(a - BEFORE);
            sum += weights[a] = expf(-0.125f * distance * distance);
        }
        #pragma unroll
        for (int a = 0; a < N; a++) weights[a] /= sum;
    }
    // d of sum_a g_a w_a by the fraction: each exponent's slope is -distance / 4.
    static DEVICE float slope(const float (&g)[N], const float (&weights)[N], float fraction)
    {
        float mean = 0.0f, sum = 0.0f;
        #pragma unroll
        for (int a = 0; a < N; a++) mean += g[a] * weights[a];
        #pragma unroll
        for (int a = 0; a < N; a++) sum -= (g[a] - mean) * weights[a] * 0.25f * (fraction - (float)(a - BEFORE));
        return sum;
    }
    DEVICE float weight(int a, int b) const { return y[a] * x[b]; }
    DEVICE void backward(const float (&g)[N][N], const Target& target, float& to_y, float& to_x, float*, int64) const
    {
        float of_y[N], of_x[N];
        #pragma unroll
        for (int a = 0; a < N; a++)
        {
            of_y[a] = of_x[a] = 0.0f;
            #pragma unroll
            for (int b = 0; b < N; b++) of_y[a] += g[a][b] * x[b], of_x[a] += g[b][a] * y[b];
        }
        to_y = slope(of_y, y, target.down);
        to_x = slope(of_x, x, target.right);
    }
};

template <int K> struct Attention  // Over K x K bilinear samples, which share (K + 1) x (K + 1) pixels.
{
    static const int N = K + 1, BEFORE = K / 2, LOGITS = K * K;
    float y[2], x[2], share[K][K];

    DEVICE Attention(const Target& target, const float* logits, int64 plane)
    {
        y[0] = 1.0f - target.down, y[1] = target.down;
        x[0] = 1.0f - target.right, x[1] = target.right;
        const float* at = logits + target.batch * LOGITS * plane + target.place;
        float most = at[0], sum = 0.0f;
        #pragma unroll
        for (int n = 0; n < LOGITS; n++) most = fmaxf(most, share[n / K][n % K] = at[n * plane]);
        #pragma unroll
        for (int n = 0; n < LOGITS; n++) sum += share[n / K][n % K] = expf(share[n / K][n % K] - most);
        #pragma unroll
        for (int n = 0; n < LOGITS; n++) share[n / K][n % K] /= sum * (float)LOGITS;
    }
    DEVICE float weight(int a, int b) const
    {
        float sum = 0.0f;
        #pragma unroll
        for (int i = 0; i < 2; i++)
            #pragma unroll
            for (int j = 0; j < 2; j++)
                if (a - i >= 0 && a - i < K && b - j >= 0 && b - j < K) sum += share[a - i][b - j] * y[i] * x[j];
        return sum;
    }
    DEVICE void backward(
        const float (&g)[N][N], const Target& target, float& to_y, float& to_x, float* to_logits, int64 plane) const
    {
        float of_share[K][K], mean = 0.0f;
        to_y = to_x = 0.0f;
        #pragma unroll
        for (int i = 0; i < K; i++)
            #pragma unroll
            for (int j = 0; j < K; j++)
            {
                float upper = g[i][j] * x[0] + g[i][j + 1] * x[1], lower = g[i + 1][j] * x[0] + g[i + 1][j + 1] * x[1];
                float before = g[i][j] * y[0] + g[i + 1][j] * y[1], after = g[i][j + 1] * y[0] + g[i + 1][j + 1] * y[1];
                of_share[i][j] = upper * y[0] + lower * y[1];
                to_y += share[i][j] * (lower - upper);
                to_x += share[i][j] * (after - before);
                mean += of_share[i][j] * share[i][j] * (float)LOGITS;
            }
        float* at = to_logits + target.batch * LOGITS * plane + target.place;
        #pragma unroll
        for (int n = 0; n < LOGITS; n++) at[n * plane] = share[n / K][n % K] * (of_share[n / K][n % K] - mean);
    }
};

// ------------------------------------------------------------------------------------------------------ sums over taps

// What a pixel reads of the source, and how much of each.
template <typename Taps> struct Sampling
{
    Target target;
    Taps taps;
    Window<Taps::N> window;

    DEVICE Sampling(
        const float* flow, const float* logits, int64 pixel, int64 height, int64 width, int64 rows, int64 columns)
        : target(flow, pixel, rows, columns), taps(target, logits, rows * columns),
          window(target, Taps::BEFORE, height, width)
    {
    }
    DEVICE int64 pixel(int a, int b) const { return window.pixel(a, b); }
    DEVICE float weight(int a, int b) const { return taps.weight(a, b); }
};

template <typename T, typename Taps> DEVICE void taps_forward(
    const T* source, const float* flow, const float* logits, T* out,
    int64 batch, int64 channels, int64 height, int64 width, int64 rows, int64 columns)
{
    int64 pixel = thread_index() / LANES, lane = thread_index() % LANES;
    if (pixel >= batch * rows * columns) return;
    Sampling<Taps> sampling(flow, logits, pixel, height, width, rows, columns);
    for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
    {
        float sum[Pack<T>::SIZE] = {};
        #pragma unroll
        for (int a = 0; a < Taps::N; a++)
            #pragma unroll
            for (int b = 0; b < Taps::N; b++)
            {
                Pack<T> pack = read(source + sampling.pixel(a, b) * channels + c);
                float weight = sampling.weight(a, b);
                #pragma unroll
                for (int i = 0; i < Pack<T>::SIZE; i++) sum[i] += weight * pack[i];
            }
        Pack<T> result;
        #pragma unroll
        for (int i = 0; i < Pack<T>::SIZE; i++) result.set(i, sum[i]);
        write(out + pixel * channels + c, result);
    }
}

// Gradients of flow and logits: a weight's is the product of the output's gradient and the pixel it weighs.
template <typename T, typename Taps> DEVICE void taps_backward(
    const T* source, const float* flow, const float* logits, const T* gradient, float* to_flow, float* to_logits,
    int64 batch, int64 channels, int64 height, int64 width, int64 rows, int64 columns)
{
    const int N = Taps::N;
    int64 pixel = thread_index() / LANES, lane = thread_index() % LANES, plane = rows * columns;
    bool mine = pixel < batch * plane;
    if (!mine) pixel = 0;  // All lanes of a warp meet in the sums below.
    Target target(flow, pixel, rows, columns);
    Window<N> window(target, Taps::BEFORE, height, width);
    float of_weights[N][N] = {};
    for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
    {
        Pack<T> above = read(gradient + pixel * channels + c);
        #pragma unroll
        for (int a = 0; a < N; a++)
            #pragma unroll
            for (int b = 0; b < N; b++)
            {
                Pack<T> pack = read(source + window.pixel(a, b) * channels + c);
                #pragma unroll
                for (int i = 0; i < Pack<T>::SIZE; i++) of_weights[a][b] += above[i] * pack[i];
            }
    }
    #pragma unroll
    for (int a = 0; a < N; a++)
        #pragma unroll
        for (int b = 0; b < N; b++) of_weights[a][b] = sum_over_lanes(of_weights[a][b]);
    if (!mine || lane > 0) return;

    float to_y, to_x;
    Taps(target, logits, plane).backward(of_weights, target, to_y, to_x, to_logits, plane);
    to_flow[target.batch * 2 * plane + target.place] = to_x;
    to_flow[(target.batch * 2 + 1) * plane + target.place] = to_y;
}

// Gradient of the source, added up in whatever order the threads come.
template <typename T, typename Taps> DEVICE void taps_scatter(
    const float* flow, const float* logits, const T* gradient, float* to_source,
    int64 batch, int64 channels, int64 height, int64 width, int64 rows, int64 columns)
{
    int64 pixel = thread_index() / LANES, lane = thread_index() % LANES;
    if (pixel >= batch * rows * columns) return;
    Sampling<Taps> sampling(flow, logits, pixel, height, width, rows, columns);
    for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
    {
        Pack<T> above = read(gradient + pixel * channels + c);
        #pragma unroll
        for (int a = 0; a < Taps::N; a++)
            #pragma unroll
            for (int b = 0; b < Taps::N; b++)
            {
                float* to = to_source + sampling.pixel(a, b) * channels + c;
                float weight = sampling.weight(a, b);
                #pragma unroll
                for (int i = 0; i < Pack<T>::SIZE; i++) atomicAdd(to + i, weight * above[i]);
            }
    }
}

// Which pixel of the source each of a pixel's N^2 taps reads, and its weight: (B, rows, columns, N^2) both.
template <typename Taps> DEVICE void taps_list(
    const float* flow, const float* logits, int64* index, float* weights,
    int64 batch, int64 height, int64 width, int64 rows, int64 columns)
{
    const int N = Taps::N;
    int64 pixel = thread_index();
    if (pixel >= batch * rows * columns) return;
    Sampling<Taps> sampling(flow, logits, pixel, height, width, rows, columns);
    #pragma unroll
    for (int a = 0; a < N; a++)
        #pragma unroll
        for (int b = 0; b < N; b++)
        {
            index[pixel * N * N + a * N + b] = sampling.pixel(a, b);
            weights[pixel * N * N + a * N + b] = sampling.weight(a, b);
        }
}

// Gradient of the source in a fixed order: `order` are the taps of that list sorted by the pixel they read, of which
// pixel p has those from start[p] to start[p + 1].
template <typename T> DEVICE void taps_collect(
    const T* gradient, const int64* order, const int64* start, const float* weights, T* to_source,
    int64 pixels, int64 channels, int64 taps)
{
    int64 pixel = thread_index() / LANES, lane = thread_index() % LANES;
    if (pixel >= pixels) return;
    for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
    {
        float sum[Pack<T>::SIZE] = {};
        for (int64 n = start[pixel]; n < start[pixel + 1]; n++)
        {
            int64 tap = order[n];
            Pack<T> above = read(gradient + tap / taps * channels + c);
            #pragma unroll
            for (int i = 0; i < Pack<T>::SIZE; i++) sum[i] += weights[tap] * above[i];
        }
        Pack<T> result;
        #pragma unroll
        for (int i = 0; i < Pack<T>::SIZE; i++) result.set(i, sum[i]);
        write(to_source + pixel * channels + c, result);
    }
}

// ---------------------------------------------------------------------------------------------------- self-correlation

// Sums over channels; LANES threads share a pixel and a displacement.
template <typename T> DEVICE void correlation_forward(
    const T* x, float* out, int64 batch, int64 channels, int64 rows, int64 columns, int64 reach, int64 stride)
{
    int64 side = 2 * reach + 1, plane = rows * columns;
    int64 item = thread_index() / LANES, lane = thread_index() % LANES;
    bool mine = item < batch * plane * side * side;
    if (!mine) item = 0;  // All lanes of a warp meet in the sum below.
    int64 pixel = item / (side * side), n = item % (side * side), image = pixel / plane, place = pixel % plane;
    int64 row = place / columns + stride * (n / side - reach), column = place % columns + stride * (n % side - reach);
    bool inside = row >= 0 && row < rows && column >= 0 && column < columns;
    float sum = 0.0f;
    if (inside)
        for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
        {
            Pack<T> here = read(x + pixel * channels + c);
            Pack<T> there = read(x + ((image * rows + row) * columns + column) * channels + c);
            #pragma unroll
            for (int i = 0; i < Pack<T>::SIZE; i++) sum += here[i] * there[i];
        }
    sum = sum_over_lanes(sum);
    if (mine && lane == 0) out[(image * side * side + n) * plane + place] = sum;
}

template <typename T> DEVICE void correlation_backward(
    const T* x, const float* gradient, T* to_x,
    int64 batch, int64 channels, int64 rows, int64 columns, int64 reach, int64 stride)
{
    int64 side = 2 * reach + 1, plane = rows * columns;
    int64 pixel = thread_index() / LANES, lane = thread_index() % LANES;
    if (pixel >= batch * plane) return;
    int64 image = pixel / plane, place = pixel % plane, row = place / columns, column = place % columns;
    const float* of_image = gradient + image * side * side * plane;
    for (int64 c = lane * Pack<T>::SIZE; c < channels; c += LANES * Pack<T>::SIZE)
    {
        float sum[Pack<T>::SIZE] = {};
        for (int64 i = -reach; i <= reach; i++)
            for (int64 j = -reach; j <= reach; j++)
            {
                int64 other_row = row + stride * i, other_column = column + stride * j;
                if (other_row < 0 || other_row >= rows || other_column < 0 || other_column >= columns) continue;
                // This pixel stands here for its own displacement, and there for the opposite one.
                int64 n = (i + reach) * side + j + reach, other = other_row * columns + other_column;
                float weight = of_image[n * plane + place] + of_image[(side * side - 1 - n) * plane + other];
                Pack<T> there = read(x + (image * plane + other) * channels + c);
                #pragma unroll
                for (int v = 0; v < Pack<T>::SIZE; v++) sum[v] += weight * there[v];
            }
        Pack<T> result;
        #pragma unroll
        for (int i = 0; i < Pack<T>::SIZE; i++) result.set(i, sum[i]);
        write(to_x + pixel * channels + c, result);
    }
}

// ------------------------------------------------------------------------------------------------------------- entries

// One block on a multiprocessor is enough: registers are not to be spared by writing them to memory.
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS, 1)
#define IN(T) const T* __restrict__
#define SIZES int64 batch, int64 channels, int64 height, int64 width, int64 rows, int64 columns
#define GIVEN batch, channels, height, width, rows, columns

#define TAPS(name, Taps, dtype, T) \
    KERNEL name##_forward_##dtype(IN(T) source, IN(float) flow, IN(float) logits, T* out, SIZES) \
    { taps_forward<T, Taps>(source, flow, logits, out, GIVEN); } \
    KERNEL name##_backward_##dtype(IN(T) source, IN(float) flow, IN(float) logits, IN(T) gradient, \
                                   float* to_flow, float* to_logits, SIZES) \
    { taps_backward<T, Taps>(source, flow, logits, gradient, to_flow, to_logits, GIVEN); } \
    KERNEL name##_scatter_##dtype(IN(float) flow, IN(float) logits, IN(T) gradient, float* to_source, SIZES) \
    { taps_scatter<T, Taps>(flow, logits, gradient, to_source, GIVEN); }

#define ALL_TAPS(name, ...) \
    TAPS(name, __VA_ARGS__, float32, float) \
    TAPS(name, __VA_ARGS__, float16, Half) \
    TAPS(name, __VA_ARGS__, bfloat16, BFloat) \
    KERNEL name##_list(IN(float) flow, IN(float) logits, int64* index, float* weights, \
                       int64 batch, int64 height, int64 width, int64 rows, int64 columns) \
    { taps_list<__VA_ARGS__>(flow, logits, index, weights, batch, height, width, rows, columns); }

ALL_TAPS(bilinear, Bilinear)
ALL_TAPS(gaussian, Gaussian)
ALL_TAPS(attention1, Attention<1>)
ALL_TAPS(attention2, Attention<2>)
ALL_TAPS(attention3, Attention<3>)

#define OTHERS(dtype, T) \
    KERNEL collect_##dtype(IN(T) gradient, IN(int64) order, IN(int64) start, IN(float) weights, \
                           T* to_source, int64 pixels, int64 channels, int64 taps) \
    { taps_collect<T>(gradient, order, start, weights, to_source, pixels, channels, taps); } \
    KERNEL correlation_forward_##dtype(IN(T) x, float* out, int64 batch, int64 channels, int64 rows, \
                                       int64 columns, int64 reach, int64 stride) \
    { correlation_forward<T>(x, out, batch, channels, rows, columns, reach, stride); } \
    KERNEL correlation_backward_##dtype(IN(T) x, IN(float) gradient, T* to_x, int64 batch, int64 channels, \
                                        int64 rows, int64 columns, int64 reach, int64 stride) \
    { correlation_backward<T>(x, gradient, to_x, batch, channels, rows, columns, reach, stride); }

OTHERS(float32, float)
OTHERS(float16, Half)
OTHERS(bfloat16, BFloat)
