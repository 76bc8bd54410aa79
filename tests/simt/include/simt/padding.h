// The padding of records, which nobody has to write before a copy to the host.
#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace simt {

// `used` has a byte for each of the record's; it is 0 in the padding.
struct Record {
  std::size_t bytes = 0;
  const unsigned char* used = nullptr;
};

template <class T>
using Element = std::remove_cv_t<std::remove_all_extents_t<T>>;
template <class T>
concept Structured = std::is_class_v<Element<T>> && requires {
  sizeof(Element<T>);
} && !std::is_abstract_v<Element<T>>;

// Returns the padding of the type, or of its elements.
template <class T>
const Record* record_of() {
  if constexpr (Structured<T>) {
    static const auto used = [] {
      union Holder {
        Holder() {}
        ~Holder() {}
        unsigned char bytes[1];
        Element<T> element;
      } holder;
      std::memset(static_cast<void*>(&holder), 0xff, sizeof holder);
      __builtin_clear_padding(&holder);
      std::array<unsigned char, sizeof(Element<T>)> result;
      std::memcpy(result.data(), static_cast<const void*>(&holder), sizeof result);
      return result;
    }();
    static const Record record{sizeof(Element<T>), used.data()};
    return &record;
  } else {
    return nullptr;
  }
}

// What the call of the thread that runs now copies, if the types of its pointers say so.
extern constinit thread_local const Record* copied;

class CopyOf {
 public:
  explicit CopyOf(const Record* record) { copied = record; }
  ~CopyOf() { copied = nullptr; }
  CopyOf(const CopyOf&) = delete;
  CopyOf& operator=(const CopyOf&) = delete;
};

}  // namespace simt
