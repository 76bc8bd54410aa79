// Stand-in for cuRAND's device interface: XORWOW and Philox, with the values of the published algorithms.
#pragma once
#include <cmath>
#include <cstdint>

#include "curand.h"

struct curandStateXORWOW {
  unsigned d, v[5];
  int boxmuller_flag;
  float boxmuller_extra;
};
using curandState = curandStateXORWOW;
using curandState_t = curandStateXORWOW;
using curandStateXORWOW_t = curandStateXORWOW;

struct curandStatePhilox4_32_10 {
  unsigned counter[4], key[2], output[4];
  unsigned place;  // the next of the four outputs
  int boxmuller_flag;
  float boxmuller_extra;
};
using curandStatePhilox4_32_10_t = curandStatePhilox4_32_10;

// -- Marsaglia's xorwow --

__device__ inline unsigned curand(curandStateXORWOW* state) {
  const unsigned t = state->v[0] ^ (state->v[0] >> 2);
  for (int i = 0; i < 4; ++i) state->v[i] = state->v[i + 1];
  state->v[4] = (state->v[4] ^ (state->v[4] << 4)) ^ (t ^ (t << 1));
  state->d += 362437u;
  return state->v[4] + state->d;
}

// A sequence is a seed of its own here; CUDA skips 2^67 numbers instead.
__device__ inline void curand_init(unsigned long long seed, unsigned long long sequence,
                                   unsigned long long offset, curandStateXORWOW* state) {
  std::uint64_t z = seed ^ (sequence * 0x9e3779b97f4a7c15ull);
  for (int i = 0; i < 5; ++i) {
    z += 0x9e3779b97f4a7c15ull;
    std::uint64_t x = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    state->v[i] = unsigned(x >> 32) | 1u;
  }
  state->d = unsigned(seed) + 6615241u;
  state->boxmuller_flag = 0;
  state->boxmuller_extra = 0;
  for (unsigned long long i = 0; i < offset; ++i) curand(state);
}

// -- Salmon's Philox 4x32 with 10 rounds --

namespace simt {
__device__ inline void philox(const unsigned counter[4], const unsigned key[2], unsigned output[4]) {
  unsigned c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t(0xd2511f53u) * c[0], b = std::uint64_t(0xcd9e8d57u) * c[2];
    const unsigned next[4] = {unsigned(b >> 32) ^ c[1] ^ k[0], unsigned(b), unsigned(a >> 32) ^ c[3] ^ k[1],
                              unsigned(a)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k[0] += 0x9e3779b9u;
    k[1] += 0xbb67ae85u;
  }
  for (int i = 0; i < 4; ++i) output[i] = c[i];
}
}  // namespace simt

__device__ inline void curand_init(unsigned long long seed, unsigned long long sequence,
                                   unsigned long long offset, curandStatePhilox4_32_10* state) {
  state->key[0] = unsigned(seed);
  state->key[1] = unsigned(seed >> 32);
  state->counter[0] = unsigned(offset / 4);
  state->counter[1] = unsigned(offset / 4 >> 32);
  state->counter[2] = unsigned(sequence);
  state->counter[3] = unsigned(sequence >> 32);
  state->place = unsigned(offset % 4);
  state->boxmuller_flag = 0;
  state->boxmuller_extra = 0;
  simt::philox(state->counter, state->key, state->output);
}
__device__ inline unsigned curand(curandStatePhilox4_32_10* state) {
  const unsigned value = state->output[state->place];
  if (++state->place == 4) {
    state->place = 0;
    for (int i = 0; i < 4 && ++state->counter[i] == 0; ++i) {
    }
    simt::philox(state->counter, state->key, state->output);
  }
  return value;
}
__device__ inline uint4 curand4(curandStatePhilox4_32_10* state) {
  const unsigned x = curand(state), y = curand(state), z = curand(state), w = curand(state);
  return make_uint4(x, y, z, w);
}

// -- distributions: uniform in (0, 1], normal by Box and Muller --

template <class State>
__device__ inline float curand_uniform(State* state) {
  return float(curand(state)) * 2.3283064e-10f + 1.1641532e-10f;
}
template <class State>
__device__ inline double curand_uniform_double(State* state) {
  const unsigned x = curand(state), y = curand(state);
  const auto bits = std::uint64_t(x) ^ (std::uint64_t(y) << 21);
  return double(bits) * 1.1102230246251565e-16 + 5.5511151231257827e-17;
}
template <class State>
__device__ inline float2 curand_normal2(State* state) {
  const float u = curand_uniform(state), v = curand_uniform(state) * 6.2831853f;
  const float radius = std::sqrt(-2.0f * std::log(u));
  return make_float2(radius * std::sin(v), radius * std::cos(v));
}
template <class State>
__device__ inline float curand_normal(State* state) {
  if (state->boxmuller_flag != 0) {
    state->boxmuller_flag = 0;
    return state->boxmuller_extra;
  }
  const float2 pair = curand_normal2(state);
  state->boxmuller_flag = 1;
  state->boxmuller_extra = pair.y;
  return pair.x;
}
template <class State>
__device__ inline double curand_normal_double(State* state) {
  const double u = curand_uniform_double(state), v = curand_uniform_double(state) * 6.283185307179586;
  return std::sqrt(-2.0 * std::log(u)) * std::sin(v);
}
__device__ inline float4 curand_uniform4(curandStatePhilox4_32_10* state) {
  const float x = curand_uniform(state), y = curand_uniform(state), z = curand_uniform(state);
  return make_float4(x, y, z, curand_uniform(state));
}
