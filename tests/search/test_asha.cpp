// Successive halving: rungs, and who goes on at one.
#include "tasks/search/asha.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/error_text.h"

namespace stillpoint {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
bool lower_goes_on(double value, const std::vector<double>& others, Index reduction = 2) {
  return goes_on(value, others, reduction, Direction::minimize);
}

}  // namespace

TEST_CASE("rungs lie a factor apart and below the end", "[search]") {
  CHECK(Asha{3, 2, 6}.rungs() == std::vector<Index>{3});
  CHECK(Asha{5, 2, 80}.rungs() == std::vector<Index>{5, 10, 20, 40});
  CHECK(Asha{5, 2, 100}.rungs() == std::vector<Index>{5, 10, 20, 40, 80});
  CHECK(Asha{1, 3, 28}.rungs() == std::vector<Index>{1, 3, 9, 27});
  CHECK(Asha{4, 2, 4}.rungs().empty());
  CHECK(Asha{1, 1000, std::numeric_limits<Index>::max()}.rungs().size() == 7);
}

TEST_CASE("settings of successive halving that do not fit are refused", "[search]") {
  CHECK_THAT(error_text([] { Asha{7, 2, 6}.rungs(); }), mentions("grace period of 7 and at most 6"));
  CHECK_THAT(error_text([] { Asha{0, 2, 6}.rungs(); }), mentions("grace period of 0"));
  CHECK_THAT(error_text([] { Asha{1, 1, 6}.rungs(); }), mentions("reduction factor of 1"));
}

TEST_CASE("who comes first goes on, then the best part of those before", "[search]") {
  CHECK(lower_goes_on(9, {}));
  CHECK(lower_goes_on(1, {1}));
  CHECK_FALSE(lower_goes_on(1.1, {1}));
  CHECK(lower_goes_on(2, {1, 3}));  // the median of two lies between them
  CHECK_FALSE(lower_goes_on(2.1, {1, 3}));
  CHECK(lower_goes_on(3, {5, 1, 3, 4, 2}));
  CHECK_FALSE(lower_goes_on(3.5, {5, 1, 3, 4, 2}));
  // Of nine, a third: the (1 - 1/3) quantile of the negated values lies a third of the way from the third to
  // the fourth.
  const std::vector<double> nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(lower_goes_on(3.6, nine, 3));
  CHECK_FALSE(lower_goes_on(3.7, nine, 3));
  CHECK(goes_on(6.4, nine, 3, Direction::maximize));
  CHECK_FALSE(goes_on(6.3, nine, 3, Direction::maximize));
}

TEST_CASE("values that are not numbers never go on and never count", "[search]") {
  CHECK_FALSE(lower_goes_on(NAN, {}));
  CHECK(lower_goes_on(5, {NAN, NAN}));
  CHECK_FALSE(lower_goes_on(5, {NAN, 4}));
  CHECK(lower_goes_on(5, {infinite, infinite}));
  CHECK_FALSE(lower_goes_on(infinite, {1, 2}));
  CHECK(lower_goes_on(1, {infinite, 1}));
}

}  // namespace stillpoint
