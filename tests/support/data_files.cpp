// Writes IDX, CIFAR, tar.gz and MATLAB files.
#include "tests/support/data_files.h"

#include <zlib.h>

#include "kernels/device/error.h"
#include "tasks/data/idx.h"
#include "tasks/selftest/selftest_models.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#if STILLPOINT_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif
#if STILLPOINT_MATIO
#include <matio.h>
#endif

namespace stillpoint::test {
ImageSet sample_images(Index count, Index channels, Index height, Index width) {
  ImageSet set{count, channels, height, width, {}, {}};
  for (Index i = 0; i < count * set.image_size(); ++i) set.pixels.push_back(std::uint8_t(i * 7919 % 251));
  for (Index i = 0; i < count; ++i) set.labels.push_back(std::int32_t(i % 10));
  return set;
}

void check_equal(const ImageSet& a, const ImageSet& b) {
  CHECK(a.count == b.count);
  CHECK(a.channels == b.channels);
  CHECK(a.height == b.height);
  CHECK(a.width == b.width);
  CHECK(a.pixels == b.pixels);
  CHECK(a.labels == b.labels);
}

void write_gzip(const std::filesystem::path& path, const std::string& bytes) {
  const gzFile file = gzopen(path.c_str(), "wb");
  require(file != nullptr, "write_gzip: cannot open ", path.string());
  const int written = gzwrite(file, bytes.data(), unsigned(bytes.size()));
  require(gzclose(file) == Z_OK && written == int(bytes.size()), "write_gzip: cannot write ", path.string());
}

void write_idx_folder(const std::filesystem::path& folder, const ImageSet& train, const ImageSet& test,
                      bool gzipped) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& bytes) {
    if (gzipped)
      write_gzip(folder / (std::string(name) + ".gz"), bytes);
    else
      write_bytes(folder / name, bytes);
  };
  write("train-images-idx3-ubyte", idx_images(train));
  write("train-labels-idx1-ubyte", idx_labels(train));
  write("t10k-images-idx3-ubyte", idx_images(test));
  write("t10k-labels-idx1-ubyte", idx_labels(test));
}

void write_bar_mnist(const std::filesystem::path& folder, Index train, Index test) {
  write_idx_folder(folder, bar_digits(train, 0), bar_digits(test, 3), false);
}

std::string cifar_records(const ImageSet& set, Index first, Index last) {
  std::string out;
  for (Index i = first; i < last; ++i) {
    out += char(set.labels[std::size_t(i)]);
    const auto pixels = set.pixels.begin() + i * set.image_size();
    out.append(pixels, pixels + set.image_size());
  }
  return out;
}

#if STILLPOINT_LIBARCHIVE
void write_tar_gz(const std::filesystem::path& path, const std::vector<ArchiveFile>& files) {
  archive* const out = archive_write_new();
  archive_write_add_filter_gzip(out);
  archive_write_set_format_ustar(out);
  bool good = archive_write_open_filename(out, path.c_str()) == ARCHIVE_OK;
  for (const ArchiveFile& file : files) {
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, file.path.c_str());
    archive_entry_set_size(entry, la_int64_t(file.bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    good = good && archive_write_header(out, entry) == ARCHIVE_OK &&
           archive_write_data(out, file.bytes.data(), file.bytes.size()) == la_ssize_t(file.bytes.size());
    archive_entry_free(entry);
  }
  good = archive_write_close(out) == ARCHIVE_OK && good;
  archive_write_free(out);
  require(good, "write_tar_gz: cannot write ", path.string());
}
#endif

#if STILLPOINT_MATIO
namespace {

void write_variable(mat_t* mat, matvar_t* variable, bool compressed) {
  require(variable != nullptr, "write_svhn: matio cannot make an array");
  const int code = Mat_VarWrite(mat, variable, compressed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE);
  Mat_VarFree(variable);
  require(code == 0, "write_svhn: matio cannot write an array");
}

void write_cells(mat_t* mat, const char* name) {
  std::size_t sizes[] = {1, 1};
  double value = 1;
  matvar_t* cell = Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sizes, &value, 0);
  write_variable(mat, Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, sizes, &cell, 0), false);
}

}  // namespace

void write_svhn(const std::filesystem::path& path, const ImageSet& set, const MatOptions& options) {
  mat_t* const mat = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  require(mat != nullptr, "write_svhn: cannot open ", path.string());
  std::vector<std::uint8_t> x;
  for (Index plane = 0; plane < set.count * set.channels; ++plane)
    for (Index column = 0; column < set.width; ++column)
      for (Index row = 0; row < set.height; ++row)
        x.push_back(set.pixels[std::size_t((plane * set.height + row) * set.width + column)]);
  std::size_t sizes[] = {std::size_t(set.height), std::size_t(set.width), std::size_t(set.channels),
                         std::size_t(set.count)};
  mat_complex_split_t parts{x.data(), x.data()};
  write_variable(mat,
                 Mat_VarCreate(options.x_name.c_str(), MAT_C_UINT8, MAT_T_UINT8, 4, sizes,
                               options.complex_x ? static_cast<void*>(&parts) : x.data(),
                               options.complex_x ? MAT_F_COMPLEX : 0),
                 options.compressed);
  std::vector<std::uint8_t> bytes;
  for (const std::int32_t label : set.labels) bytes.push_back(label == 0 ? 10 : std::uint8_t(label));
  if (!options.labels.empty()) bytes.assign(options.labels.begin(), options.labels.end());
  std::vector<double> doubles(bytes.begin(), bytes.end());
  std::size_t label_sizes[] = {bytes.size(), 1};
  matvar_t* const y = options.label_doubles
                          ? Mat_VarCreate("y", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, label_sizes, doubles.data(), 0)
                          : Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, label_sizes, bytes.data(), 0);
  if (options.cells) {
    Mat_VarFree(y);
    write_cells(mat, "y");
  } else {
    write_variable(mat, y, options.compressed);
  }
  if (!options.extra.empty())
    write_variable(
        mat, Mat_VarCreate(options.extra.c_str(), MAT_C_UINT8, MAT_T_UINT8, 2, label_sizes, bytes.data(), 0),
        options.compressed);
  require(Mat_Close(mat) == 0, "write_svhn: cannot write ", path.string());
}
#endif

}  // namespace stillpoint::test
