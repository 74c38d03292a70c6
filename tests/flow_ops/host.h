// Lets g++ compile kernels.cu, to be run on a CPU: one thread after the other, and one alone per pixel.
#include <math.h>
#include <string.h>

#define LANES 1
#define DEVICE inline
#define __global__
#define __launch_bounds__(threads, blocks)

struct Index { long long x; };
static thread_local Index blockIdx, threadIdx, blockDim;

inline float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
inline unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
inline float half_to_float(unsigned short bits) { _Float16 x; memcpy(&x, &bits, 2); return (float)x; }
inline unsigned short float_to_half(float x) { _Float16 h = (_Float16)x; unsigned short bits; memcpy(&bits, &h, 2); return bits; }
inline float sum_over_lanes(float x) { return x; }
inline void atomicAdd(float* to, float x) { *to += x; }

// Every parameter of a kernel is 64 bits wide, so that one call suits all; those that a kernel has not are ignored.
typedef void (*Kernel)(long long, long long, long long, long long, long long, long long, long long, long long, long long,
                       long long, long long, long long);

extern "C" void launch(Kernel kernel, const long long* a, long long first, long long blocks, long long threads)
{
    blockDim.x = threads;
    for (blockIdx.x = first; blockIdx.x < first + blocks; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++)
            kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
}
