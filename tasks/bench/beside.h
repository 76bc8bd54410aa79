// Endless loops beside a measurement, as other programs would run.
#pragma once
#include <vector>

namespace stillpoint::bench {

// Runs that many processes that only compute; they end with this object, and with this program.
class Loops {
 public:
  explicit Loops(int count);
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

 private:
  void end() noexcept;
  std::vector<int> processes_;
};

}  // namespace stillpoint::bench
