// expect: nothing
// Kernels find their memory through lists, tables, symbols, mapped memory and words that hold halves of a
// pointer.
#include <cstdio>
#include <cstring>

struct Node {
  float value;
  Node* next;
};
struct Pair {
  float *a, *b;
};
__device__ Node* head;
__constant__ Pair pairs[2];

__global__ void walk(float* sum) {
  float total = 0;
  for (const Node* n = head; n != nullptr; n = n->next) total += n->value;
  sum[threadIdx.x] = total;
}
__global__ void constants(float* sum) {
  sum[threadIdx.x] += pairs[1].a[threadIdx.x] + pairs[1].b[threadIdx.x];
}
__global__ void push(Node* n, unsigned long long* top) {
  n->value = 3;
  n->next = reinterpret_cast<Node*>(atomicExch(top, reinterpret_cast<unsigned long long>(n)));
}
__global__ void pop(unsigned long long* top, float* sum) {
  for (Node* n = reinterpret_cast<Node*>(atomicExch(top, 0ull)); n != nullptr;) {
    *sum += n->value;
    Node* const next = n->next;
    n->next = nullptr;
    n = next;
  }
}
__global__ void shared(float* const* from, float* sum) {
  __shared__ const float* pointer;
  if (threadIdx.x == 0) pointer = from[1];
  __syncthreads();
  sum[threadIdx.x] += pointer[threadIdx.x];
}
__global__ void halves(const int2* words, float* sum) {
  const unsigned long long low = unsigned(words->x), high = unsigned(words->y);
  sum[threadIdx.x] += reinterpret_cast<const float*>(high << 32 | low)[threadIdx.x];
}
__global__ void from_one(float* x, int n) {
  for (int i = 1; i <= n; ++i) x[i] = 1.0f;
}

int main() {
  const int n = 32;
  float *x, *y, *sum;
  Node *first, *second;
  unsigned long long* top;
  int2* words;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  cudaMalloc(&first, sizeof(Node));
  cudaMalloc(&second, sizeof(Node));
  cudaMalloc(&top, sizeof *top);
  cudaMalloc(&words, sizeof *words);
  cudaMemset(top, 0, sizeof *top);
  cudaMemset(y, 0, n * sizeof(float));
  from_one<<<1, 1>>>(x - 1, n);
  const Node a{1, second}, b{2, nullptr};
  const Pair both[2] = {{x, y}, {y, x}};
  cudaMemcpy(first, &a, sizeof a, cudaMemcpyHostToDevice);
  cudaMemcpy(second, &b, sizeof b, cudaMemcpyHostToDevice);
  cudaMemcpyToSymbol(head, &first, sizeof first);
  cudaMemcpyToSymbol(pairs, both, sizeof both);
  cudaMemcpy(words, &x, sizeof x, cudaMemcpyHostToDevice);
  float** table;
  cudaHostAlloc(&table, 2 * sizeof(float*), cudaHostAllocMapped);
  table[0] = y;
  table[1] = x;
  walk<<<1, n>>>(sum);
  constants<<<1, n>>>(sum);
  push<<<1, 1>>>(first, top);
  push<<<1, 1>>>(second, top);
  pop<<<1, 1>>>(top, sum);
  shared<<<1, n>>>(table, sum);
  halves<<<1, n>>>(words, sum);
  float host[n];
  cudaMemcpy(host, sum, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%g %g\n", double(host[0]), double(host[1]));
  for (void* each : {(void*)x, (void*)y, (void*)sum, (void*)first, (void*)second, (void*)top, (void*)words})
    cudaFree(each);
  cudaFreeHost(table);
  return host[0] == 12.0f && host[1] == 6.0f ? 0 : 1;
}
