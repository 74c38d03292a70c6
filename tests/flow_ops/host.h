// Lets g++ compile kernels.cu, to be run on a CPU: with one thread per pixel, one thread after the other; with several,
// all of a block at once, the threads of a warp meeting in every shuffle.
#include <math.h>
#include <string.h>
#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>

#define DEVICE inline
#define __global__
#define __launch_bounds__(threads, blocks)

struct Index { long long x; };
static thread_local Index blockIdx, threadIdx, blockDim;
static std::unique_ptr<std::barrier<>> meeting[THREADS / 32];
static float exchanged[THREADS];

inline float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
inline unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
inline float half_to_float(unsigned short bits) { _Float16 x; memcpy(&x, &bits, 2); return (float)x; }
inline unsigned short float_to_half(float x)
{
    _Float16 half = (_Float16)x;
    unsigned short bits;
    memcpy(&bits, &half, 2);
    return bits;
}
inline float __shfl_xor_sync(unsigned, float x, int step)
{
    exchanged[threadIdx.x] = x;
    meeting[threadIdx.x / 32]->arrive_and_wait();
    float other = exchanged[threadIdx.x ^ step];
    meeting[threadIdx.x / 32]->arrive_and_wait();
    return other;
}
inline void atomicAdd(float* to, float x) { std::atomic_ref<float>(*to).fetch_add(x); }

// Every parameter of a kernel is 64 bits wide, so that one call suits all; those that a kernel has not are ignored.
typedef long long P;
typedef void (*Kernel)(P, P, P, P, P, P, P, P, P, P, P, P);

static void run(Kernel kernel, const P* a, long long block, long long thread)
{
    blockDim.x = THREADS, blockIdx.x = block, threadIdx.x = thread;
    kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
}

extern "C" void launch(Kernel kernel, const P* parameters, long long first, long long blocks)
{
    for (auto& warp : meeting) warp = std::make_unique<std::barrier<>>(32);
    for (long long block = first; block < first + blocks; block++)
    {
        std::vector<std::thread> threads;
        for (int i = 0; i < THREADS; i++)
            if (LANES == 1) run(kernel, parameters, block, i);
            else threads.emplace_back(run, kernel, parameters, block, i);
        for (auto& thread : threads) thread.join();
    }
}
