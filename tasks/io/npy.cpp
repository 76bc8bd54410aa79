// Files are written in version 1.0, with a header padded to 64 bytes and elements in little-endian order.
#include "tasks/io/npy.h"

#include <bit>
#include <vector>

#include "engine/io/files.h"

namespace stillpoint {
namespace {

static_assert(std::endian::native == std::endian::little);

void write(const std::filesystem::path& path, const char* type, const Shape& shape,
           const std::vector<double>& values) {
  std::string sizes;
  for (const Index size : shape) sizes += text(size, ", ");
  std::string header = text("{'descr': '", type, "', 'fortran_order': False, 'shape': (", sizes, "), }");
  constexpr std::size_t before = 10, alignment = 64;  // bytes
  header.append(alignment - 1 - (before + header.size()) % alignment, ' ');
  header += '\n';
  std::string bytes = text(npy_magic, std::string_view("\x01\x00", 2));
  bytes += char(header.size() % 256);
  bytes += char(header.size() / 256);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  write_atomically(path, bytes);
}

}  // namespace

void write_npy(const std::filesystem::path& path, const Tensor& array) {
  write(path, "<f8", array.shape(), array.values());
}

void write_npy(const std::filesystem::path& path, const Tensor& real, const Tensor& imaginary) {
  const std::vector<double> a = real.values(), b = imaginary.values();
  std::vector<double> pairs;
  for (std::size_t i = 0; i < a.size(); ++i) pairs.insert(pairs.end(), {a[i], b[i]});
  write(path, "<c16", real.shape(), pairs);
}

Tensor parse_npy(const std::string& where, std::string_view bytes) {
  const NpyView view(where, bytes);
  std::vector<double> values(std::size_t(view.size()));
  for (Index i = 0; i < view.size(); ++i) values[std::size_t(i)] = view[i];
  return Tensor::from(values, view.shape(), {DType::float64, Device::cpu});
}

}  // namespace stillpoint
