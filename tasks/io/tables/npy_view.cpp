// The .npy format: a header as a Python dictionary, then the elements.
#include "tasks/io/tables/npy_view.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/words.h"

namespace stillpoint {
namespace {

constexpr std::string_view magic = npy_magic;

struct Header {
  std::string type;  // byte order, kind and size: <f8
  bool by_columns = false;
  Shape shape = {};
  std::size_t end = 0;  // where the elements begin
};

[[noreturn]] void fail_on_header(const std::string& where, std::string_view header) {
  fail(where, ": given the header '", shown(header),
       "', expected that of an .npy file, write it again with numpy.save");
}

// Returns what follows 'NAME': in the header.
std::string_view value_of(const std::string& where, std::string_view header, std::string_view name) {
  const std::string key = text("'", name, "':");
  const std::size_t at = header.find(key);
  if (at == header.npos) fail_on_header(where, header);
  const std::string_view rest = header.substr(at + key.size());
  return rest.substr(std::min(rest.size(), rest.find_first_not_of(' ')));
}

Shape shape_of(const std::string& where, std::string_view header) {
  std::string_view rest = value_of(where, header, "shape");
  const std::size_t end = rest.find(')');
  if (!rest.starts_with('(') || end == rest.npos) fail_on_header(where, header);
  rest = rest.substr(1, end - 1);
  Shape shape;
  while (!rest.empty()) {
    Index size = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (error != std::errc() || size < 0) fail_on_header(where, header);
    shape.push_back(size);
    rest.remove_prefix(std::size_t(stop - rest.data()));
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(", ")));
  }
  return shape;
}

Header header_of(const std::string& where, std::string_view bytes) {
  constexpr std::size_t short_size = 2, long_size = 4;  // bytes of the length, in version 1 and later
  const std::size_t version = bytes.size() > magic.size() ? std::size_t(bytes[magic.size()]) : 0,
                    length_size = version == 1 ? short_size : long_size,
                    begin = magic.size() + 2 + length_size;
  std::uint32_t length = 0;
  require(bytes.size() >= begin && version >= 1 && version <= 3, where, ": given an .npy file of version ",
          version, " and ", bytes.size(), " bytes, expected version 1 to 3 and a whole file, write it again");
  std::memcpy(&length, bytes.data() + magic.size() + 2, length_size);
  require(length <= bytes.size() - begin, where, ": given an .npy file whose header is cut off, expected ",
          length, " bytes of it, copy the file again");
  const std::string_view text = bytes.substr(begin, length);
  Header header{.type = {}, .shape = shape_of(where, text), .end = begin + length};
  header.by_columns = value_of(where, text, "fortran_order").starts_with("True");
  const std::string_view type = value_of(where, text, "descr");
  if (type.starts_with('\'')) header.type = type.substr(1, type.find('\'', 1) - 1);
  return header;
}

template <class T>
double read_as(const char* bytes, bool swapped) {
  char own[sizeof(T)];
  std::memcpy(own, bytes, sizeof(T));
  if (swapped) std::reverse(own, own + sizeof(T));
  T value;
  std::memcpy(&value, own, sizeof(T));
  return double(value);
}

// Returns null for a type that holds no real numbers.
double (*reader_of(std::string_view type))(const char*, bool) {
  if (type == "f8") return read_as<double>;
  if (type == "f4") return read_as<float>;
  if (type == "i8") return read_as<std::int64_t>;
  if (type == "i4") return read_as<std::int32_t>;
  if (type == "i2") return read_as<std::int16_t>;
  if (type == "i1") return read_as<std::int8_t>;
  if (type == "u8") return read_as<std::uint64_t>;
  if (type == "u4") return read_as<std::uint32_t>;
  if (type == "u2") return read_as<std::uint16_t>;
  if (type == "u1" || type == "b1") return read_as<std::uint8_t>;
  return nullptr;
}

}  // namespace

bool is_npy(std::string_view bytes) { return bytes.starts_with(magic); }

NpyView::NpyView(const std::string& where, std::string_view bytes) {
  const Header header = header_of(where, bytes);
  read_ = header.type.size() == 3 ? reader_of(header.type.substr(1)) : nullptr;
  require(read_ != nullptr, where, ": given an array of type '",
          shown(header.type.empty() ? "a record" : header.type),
          "', expected real numbers, convert it with .astype(float)");
  width_ = std::size_t(header.type[2] - '0');
  swapped_ = header.type[0] == '>';
  by_columns_ = header.by_columns;
  shape_ = header.shape;
  elements_ = bytes.substr(header.end);
  Index needed = 0;
  bool fits = true;
  for (const Index length : shape_) fits = fits && !__builtin_mul_overflow(size_, length, &size_);
  fits = fits && !__builtin_mul_overflow(size_, Index(width_), &needed) && needed <= Index(elements_.size());
  require(fits, where, ": given ", elements_.size(), " bytes of elements, expected more for the shape ",
          to_text(shape_), ", copy the file again");
}

double NpyView::operator[](Index element) const {
  if (by_columns_) {  // the first axis varies fastest
    Index from = 0, stride = size_;
    for (std::size_t axis = shape_.size(); axis-- > 0; element /= shape_[axis]) {
      stride /= shape_[axis];
      from += element % shape_[axis] * stride;
    }
    element = from;
  }
  return read_(elements_.data() + std::size_t(element) * width_, swapped_);
}

}  // namespace stillpoint
