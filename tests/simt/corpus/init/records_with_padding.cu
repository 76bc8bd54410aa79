// expect: nothing
// Members are written one by one, so that the bytes between them stay unwritten. Kernels and copies move
// whole records, whose padding has no value in C++.
#include <cstdio>
#include <vector>

struct Particle {
  double x;
  float mass;
};
struct Sample {
  int id;
  double value;
  char mark;
};
struct Flagged {
  int id;
  bool alive;
};
struct Vectored {
  float4 place;
  int id;
};

__global__ void make(Particle* p, Sample* s, Flagged* f, Vectored* v) {
  const int i = threadIdx.x;
  p[i].x = i;
  p[i].mass = 1;
  s[i].id = i;
  s[i].value = i;
  s[i].mark = 'x';
  f[i].id = i;
  f[i].alive = true;
  v[i].place = make_float4(i, i, i, i);
  v[i].id = i;
}

template <class T>
__global__ void reverse(const T* from, T* to) {
  to[blockDim.x - 1 - threadIdx.x] = from[threadIdx.x];
}

template <class T>
std::vector<T> fetch(const T* from, int n) {
  std::vector<T> host(n);
  cudaMemcpy(host.data(), from, n * sizeof(T), cudaMemcpyDeviceToHost);
  return host;
}

template <class T>
T last_after_reversing(const T* from, int n) {
  T* to;
  cudaMalloc(&to, n * sizeof(T));
  const T first = fetch(from, n)[0];
  reverse<<<1, n>>>(from, to);
  const T last = fetch(to, n)[n - 1];
  cudaMemcpy(to, from, n * sizeof(T), cudaMemcpyDeviceToDevice);
  T copy = fetch(to, n)[n - 1];
  cudaFree(to);
  copy.id += last.id - first.id - (n - 1);
  return copy;
}

int main() {
  constexpr int n = 48;
  Particle* p;
  Sample* s;
  Flagged* f;
  Vectored* v;
  cudaMalloc(&p, n * sizeof *p);
  cudaMalloc(&s, n * sizeof *s);
  cudaMalloc(&f, n * sizeof *f);
  cudaMalloc(&v, n * sizeof *v);
  make<<<1, n>>>(p, s, f, v);
  const int wrong = int(fetch(p, n)[7].x) - 7 + last_after_reversing(s, n).id +
                    last_after_reversing(f, n).id + last_after_reversing(v, n).id;
  cudaFree(p);
  cudaFree(s);
  cudaFree(f);
  cudaFree(v);
  return wrong;
}
