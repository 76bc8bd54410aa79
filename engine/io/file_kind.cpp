// Recognises kinds of files by a table, and words the refusal.
#include "engine/io/file_kind.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "kernels/device/error.h"

namespace stillpoint {
namespace {

struct Kind {
  std::string_view begins, name, advice;
  std::size_t at = 0;  // where these bytes are in the file
};

using namespace std::string_view_literals;
constexpr std::string_view unpack = "unpack it, or give what it holds", take = "give the right file",
                           page = "download the file itself, not the page about it";
constexpr Kind kinds[] = {
    {"version https://git-lfs.github.com/spec/"sv, "a pointer of Git LFS in place of the file",
     "fetch the file with `git lfs pull`"},
    {"\x1f\x8b"sv, "a gzip file", unpack},
    {"PK\x03\x04"sv, "a zip archive (as torch.save writes, too)", unpack},
    {"PK\x05\x06"sv, "an empty zip archive", take},
    {"ustar"sv, "a tar archive", unpack, 257},
    {"BZh"sv, "a bzip2 file", unpack},
    {"\xfd"
     "7zXZ\0"sv,
     "an xz file", unpack},
    {"\x28\xb5\x2f\xfd"sv, "a zstd file", unpack},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive", unpack},
    {"Rar!\x1a\x07"sv, "a RAR archive", unpack},
    {"\x89PNG\r\n\x1a\n"sv, "a PNG picture", take},
    {"\xff\xd8\xff"sv, "a JPEG picture", take},
    {"GIF8"sv, "a GIF picture", "convert it"},
    {"WEBP"sv, "a WebP picture", "convert it", 8},
    {"II*\0"sv, "a TIFF picture", "convert it"},
    {"MM\0*"sv, "a TIFF picture", "convert it"},
    {"ftyphei"sv, "a HEIC picture", "convert it", 4},
    {"ftypmif1"sv, "a HEIF picture", "convert it", 4},
    {"ftypavif"sv, "an AVIF picture", "convert it", 4},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file", "convert it"},
    {"MATLAB 5.0 MAT-file"sv, "a MATLAB file", take},
    {"MATLAB 7.3 MAT-file"sv, "a MATLAB file of version 7.3", "save it with -v7"},
    {"\x93NUMPY"sv, "a NumPy array", "convert it"},
    {"GGUF"sv, "a GGUF model", "convert it"},
    {"\x80\x02"sv, "a Python pickle (or an old PyTorch file)", "convert it"},
    {"\x80\x04"sv, "a Python pickle", "convert it"},
    {"%PDF-"sv, "a PDF document", take},
    {"\x7f"
     "ELF"sv,
     "a program", take},
};

bool begins_as_html(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  const auto has = [&](std::string_view tag) {
    return head.size() >= tag.size() && std::equal(tag.begin(), tag.end(), head.begin(), [](char a, char b) {
             return a == std::tolower(static_cast<unsigned char>(b));
           });
  };
  return has("<!doctype html") || has("<html") || has("<head") || has("<?xml") || has("<!--");
}

Kind kind_of(std::string_view head) {
  if (head.empty()) return {"", "empty", "fetch or copy it again"};
  if (begins_as_html(head)) return {"", "a web page (HTML or XML)", page};
  // BMP's two letters are too few to recognise it; its reserved bytes are 0.
  if (head.starts_with("BM") && head.size() >= 10 && head.substr(6, 4) == "\0\0\0\0"sv)
    return {"", "a BMP picture", "convert it"};
  for (const Kind& kind : kinds)
    if (head.size() > kind.at && head.substr(kind.at).starts_with(kind.begins)) return kind;
  return {};
}

}  // namespace

std::string_view file_kind(std::string_view head) { return kind_of(head).name; }

void refuse_other_kind(std::string_view where, const std::filesystem::path& path, std::string_view head,
                       std::string_view expected) {
  const Kind kind = kind_of(head);
  require(kind.name.empty(), where, ": given '", path.string(), "', which is ", kind.name, ", expected ",
          expected, "; ", kind.advice);
}

}  // namespace stillpoint
