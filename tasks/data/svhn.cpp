// Reads SVHN through matio, after all sizes are checked.
#include "tasks/data/svhn.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

#include "kernels/device/error.h"
#if STILLPOINT_MATIO
#include <matio.h>

#include "tasks/data/mat_file.h"
#endif

namespace stillpoint {

#if STILLPOINT_MATIO

namespace {

constexpr int kind_double = 6, kind_uint8 = 9, type_uint8 = 2, type_double = 9;

std::string sizes_text(const std::vector<std::uint64_t>& sizes) {
  std::string out;
  for (const std::uint64_t size : sizes) out += (out.empty() ? "" : " x ") + std::to_string(size);
  return out;
}

const MatArray& array_named(const std::vector<MatArray>& arrays, std::string_view name,
                            const std::string& file) {
  std::string names;
  for (const MatArray& array : arrays) names += (names.empty() ? "'" : ", '") + array.name + "'";
  const auto has_name = [&](const MatArray& array) { return array.name == name; };
  require(arrays.size() == 2 && std::count_if(arrays.begin(), arrays.end(), has_name) == 1, "svhn: given ",
          file, " with ", arrays.size(), " arrays (", names,
          "), expected only X and y, fetch the published file");
  return *std::find_if(arrays.begin(), arrays.end(), has_name);
}

// Returns the number of images; throws Error unless both arrays are those of such a file.
Index checked_count(InputFile& open, Index side) {
  const std::string file = open.path().string();
  const std::vector<MatArray> arrays = check_mat_file(open);
  const MatArray &x = array_named(arrays, "X", file), &y = array_named(arrays, "y", file);
  const std::vector<std::uint64_t> image{std::uint64_t(side), std::uint64_t(side), 3};
  require(x.plain && x.kind == kind_uint8 && x.type == type_uint8 && x.sizes.size() == 4 && x.sizes[3] > 0 &&
              std::equal(image.begin(), image.end(), x.sizes.begin()),
          "svhn: given ", file, " with X of ", sizes_text(x.sizes), " and class ", x.kind,
          ", expected bytes (class 9) of ", sizes_text(image), " x n, take the cropped digits (format 2)");
  const bool bytes = y.kind == kind_uint8 && y.type == type_uint8;
  const bool doubles = y.kind == kind_double && (y.type == type_uint8 || y.type == type_double);
  require(y.plain && (bytes || doubles) && y.sizes == std::vector<std::uint64_t>{x.sizes[3], 1},
          "svhn: given ", file, " with y of ", sizes_text(y.sizes), " and class ", y.kind,
          ", expected bytes (class 9) or doubles (class 6) of ", x.sizes[3],
          " x 1, fetch the published file");
  return Index(x.sizes[3]);
}

struct CloseFile {
  void operator()(mat_t* file) const { Mat_Close(file); }
};
struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using Variable = std::unique_ptr<matvar_t, FreeVariable>;

Variable read_variable(mat_t* mat, const char* name, Index elements, const std::string& file) {
  Variable v(Mat_VarRead(mat, name));
  const bool whole = v != nullptr && v->data != nullptr && v->data_size > 0 &&
                     v->nbytes == std::size_t(elements) * std::size_t(v->data_size);
  require(whole, "svhn: given ", file, " whose ", name, " matio cannot read, expected ", elements,
          " values, fetch the file again");
  return v;
}

std::vector<std::int32_t> digits(const matvar_t& y, Index count, const std::string& file) {
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < count; ++i) {
    const double label = y.class_type == MAT_C_UINT8 ? static_cast<const std::uint8_t*>(y.data)[i]
                                                     : static_cast<const double*>(y.data)[i];
    require(label >= 1 && label <= 10 && std::floor(label) == label, "svhn: given label ", label,
            " of image ", i, " in ", file, ", expected 1 to 10, fetch the file again");
    labels.push_back(int(label) % 10);
  }
  return labels;
}

}  // namespace

ImageSet read_svhn(const std::filesystem::path& path, Index side) {
  const std::string file = path.string();
  InputFile open(path, "svhn");
  const Index count = checked_count(open, side);
  // matio opens the descriptor, so that it reads the file that was checked.
  const std::unique_ptr<mat_t, CloseFile> mat(
      Mat_Open(text("/proc/self/fd/", open.descriptor()).c_str(), MAT_ACC_RDONLY));
  require(mat != nullptr, "svhn: given ", file,
          ", which matio cannot open, expected a MATLAB file, fetch it again");
  ImageSet set{.count = count, .channels = 3, .height = side, .width = side, .pixels = {}, .labels = {}};
  set.labels = digits(*read_variable(mat.get(), "y", count, file), count, file);
  const Variable x = read_variable(mat.get(), "X", count * set.image_size(), file);
  require(x->class_type == MAT_C_UINT8, "svhn: given ", file, " whose X matio reads as class ",
          int(x->class_type), ", expected bytes (class 9), fetch the file again");
  // From (row, column, channel, image), rows fastest, to (image, channel, row, column).
  set.pixels.resize(std::size_t(count * set.image_size()));
  const auto* from = static_cast<const std::uint8_t*>(x->data);
  for (Index plane = 0; plane < count * 3; ++plane)
    for (Index column = 0; column < side; ++column)
      for (Index row = 0; row < side; ++row)
        set.pixels[std::size_t((plane * side + row) * side + column)] = *from++;
  return set;
}

#else

ImageSet read_svhn(const std::filesystem::path& path, Index) {
  fail("svhn: given ", path.string(),
       ", but this program was built without matio, which reads it; install libmatio-dev "
       "and build again");
}

#endif

}  // namespace stillpoint
