// A second source of syntax.cu's program.
namespace {
__global__ void printer(int* x) { *x = 42; }
}  // namespace
void other_source(int* x) { printer<<<1, 1>>>(x); }
