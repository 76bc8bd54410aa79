// An open file descriptor with one owner, which closes it.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace stillpoint {

// Move-only. Converts to the number, which is -1 if the call that should have opened it failed.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  operator int() const { return number_; }
  // The caller has to close it from now on.
  int release() { return std::exchange(number_, -1); }
  // Returns 0 or the errno of the failure; does nothing if nothing is open.
  int close() { return number_ < 0 || ::close(release()) == 0 ? 0 : errno; }

 private:
  int number_ = -1;
};

}  // namespace stillpoint
