// Tests the safetensors container: round trips, the layout of the bytes, and an Error for every kind of
// damage.
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/safetensors_data.h"
#include "tests/support/temp_dir.h"

using namespace stillpoint;
using test::contains;
using test::error_of;

namespace {

template <class T>
Bytes bytes(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

std::string file_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + data;
}

// Returns the Error of opening a file with this header and `data_bytes` zero bytes; "" if the file opens.
std::string refusal(const std::string& header, std::size_t data_bytes) {
  const test::TempDir dir;
  test::write_bytes(dir / "m.safetensors", file_bytes(header, std::string(data_bytes, '\0')));
  return error_of([&] { SafetensorsFile file(dir / "m.safetensors"); });
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return text('"', name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets,
              '}');
}

const std::vector<float> kWeights{1.5f, -2, 3, 4, 5, 6.25f};
const std::vector<std::uint8_t> kBytes{7, 8, 9};
const std::vector<double> kScalar{0.1};

std::vector<SafetensorsEntry> sample() {
  return {{"bytes", "U8", {3}, bytes(kBytes)},
          {"w \"\xc3\xa9\"\n", "F32", {2, 3}, bytes(kWeights)},
          {"none", "BF16", {4, 0}, {}},
          {"scalar", "F64", {}, bytes(kScalar)}};
}

}  // namespace

TEST_CASE("safetensors: what is saved is read back", "[safetensors]") {
  const test::TempDir dir;
  const auto path = dir / "m.safetensors";
  save_safetensors(path, sample(), {{"step", "12"}, {"note", "two\nlines"}});
  const SafetensorsFile file(path);
  CHECK(file.metadata() == SafetensorsMetadata{{"step", "12"}, {"note", "two\nlines"}});
  CHECK(file.names() == std::vector<std::string>{"bytes", "w \"\xc3\xa9\"\n", "none", "scalar"});
  for (const SafetensorsEntry& e : sample()) {
    REQUIRE(file.contains(e.name));
    const SafetensorsPlace& read = file.at(e.name);
    CHECK(read.dtype == e.dtype);
    CHECK(read.shape == e.shape);
    CHECK(test::data_of(file, read) == std::vector(e.data.begin(), e.data.end()));
    CHECK(read.begin % static_cast<std::uint64_t>(safetensors_element_size(e.dtype)) == 0);
  }
  CHECK_FALSE(file.contains("absent"));
  CHECK(contains(error_of([&] { file.at("absent"); }), "no entry 'absent' among its 4 entries"));
  CHECK(dir.names() == std::set<std::string>{"m.safetensors"});
}

TEST_CASE("safetensors: the bytes of a small file", "[safetensors]") {
  const test::TempDir dir;
  save_safetensors(dir / "m", {{"b", "U8", {3}, bytes(kBytes)}});
  std::string header = R"({"b":{"data_offsets":[0,3],"dtype":"U8","shape":[3]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  CHECK(read_file(dir / "m") == file_bytes(header, "\x07\x08\x09"));
  save_safetensors(dir / "m", {});
  CHECK(read_file(dir / "m") == file_bytes("{}      ", ""));
  CHECK(SafetensorsFile(dir / "m").entries().empty());
}

TEST_CASE("safetensors: an open file and its copies outlive a replacement", "[safetensors]") {
  const test::TempDir dir;
  save_safetensors(dir / "m", {{"b", "U8", {3}, bytes(kBytes)}});
  auto first = std::make_unique<SafetensorsFile>(dir / "m");
  const SafetensorsFile copy = *first;
  first.reset();
  save_safetensors(dir / "m", sample());
  CHECK(std::memcmp(test::data_of(copy, copy.at("b")).data(), kBytes.data(), 3) == 0);
}

TEST_CASE("safetensors: a file that is shortened while it is read is an Error", "[safetensors]") {
  const test::TempDir dir;
  save_safetensors(dir / "m", sample());
  const SafetensorsFile file(dir / "m");
  std::filesystem::resize_file(dir / "m", file.at("bytes").begin + 1);
  CHECK(contains(error_of([&] { test::data_of(file, file.at("bytes")); }),
                 "it was shortened while it was read"));
}

TEST_CASE("safetensors: an entry that cannot be saved does not change the old file", "[safetensors]") {
  const test::TempDir dir;
  const auto path = dir / "m";
  write_atomically(path, "old");
  const auto saving = [&](SafetensorsEntry e, const SafetensorsMetadata& metadata = {}) {
    return error_of([&] {
      save_safetensors(path, {{"b", "U8", {3}, bytes(kBytes)}, std::move(e)}, metadata);
    });
  };
  CHECK(contains(saving({"b", "U8", {3}, bytes(kBytes)}), "'b' occurs twice"));
  CHECK(contains(saving({"__metadata__", "U8", {3}, bytes(kBytes)}), "reserved"));
  CHECK(contains(saving({"w", "float", {3}, bytes(kBytes)}), "dtype 'float'"));
  CHECK(contains(saving({"w", "F32", {3}, bytes(kBytes)}), "has 3 bytes of data, expected 12 for F32 [3]"));
  CHECK(contains(saving({"w", "U8", {-3}, bytes(kBytes)}), "[-3]"));
  CHECK(contains(saving({"w", "U8", {INT64_MAX, 2}, bytes(kBytes)}), "3 bytes"));
  CHECK(contains(saving({"\xff", "U8", {3}, bytes(kBytes)}), "UTF-8"));
  CHECK(contains(saving({"w", "U8", {3}, bytes(kBytes)}, {{"k", "\xff"}}), "UTF-8"));
  CHECK(contains(error_of([&] { save_safetensors(dir / "absent" / "m", {}); }), "absent"));
  CHECK(read_file(path) == "old");
}

TEST_CASE("safetensors: a file cut at any length is refused with its size", "[safetensors]") {
  const test::TempDir dir;
  save_safetensors(dir / "whole", sample(), {{"step", "12"}});
  const std::string whole = read_file(dir / "whole");
  test::write_bytes(dir / "cut", "");
  CHECK(contains(error_of([&] { SafetensorsFile file(dir / "cut"); }), "cut', which is empty"));
  for (std::size_t n = 1; n < whole.size(); ++n) {
    test::write_bytes(dir / "cut", std::string_view(whole).substr(0, n));
    const std::string message = error_of([&] { SafetensorsFile file(dir / "cut"); });
    INFO(n << ": " << message);
    REQUIRE(contains(message, "cut' (" + std::to_string(n) + " bytes) is truncated or corrupt"));
  }
  test::write_bytes(dir / "cut", whole + "x");
  CHECK(contains(error_of([&] { SafetensorsFile file(dir / "cut"); }), "the data part has 36 bytes"));
}

TEST_CASE("safetensors: paths that are not files", "[safetensors]") {
  const test::TempDir dir;
  CHECK(contains(error_of([&] { SafetensorsFile file(dir / "absent"); }), "absent': No such file"));
  CHECK(contains(error_of([&] { SafetensorsFile file(dir.path()); }), "Is a directory"));
}

TEST_CASE("safetensors: headers that are not a header", "[safetensors]") {
  CHECK(contains(refusal("", 0), "does not begin with '{'"));
  CHECK(contains(refusal("[1]", 0), "does not begin with '{'"));
  CHECK(contains(refusal(" {}", 0), "does not begin with '{'"));
  CHECK(contains(refusal("{\"a\":", 0), "not valid JSON"));
  CHECK(contains(refusal("{} x", 0), "not valid JSON"));
  CHECK(contains(refusal("{\"\xff\":1}", 0), "not valid JSON"));
  CHECK(contains(refusal("{\"a\":" + std::string(1 << 20, '['), 0), "nests more than 16 levels deep"));
  CHECK(contains(refusal("{\"a\":1}", 0), "exactly the keys"));
  CHECK(contains(refusal("{\"__metadata__\":[]}", 0), "not an object of strings"));
  CHECK(contains(refusal("{\"__metadata__\":{\"k\":1}}", 0), "'k' is not a string"));
  CHECK(refusal("{\"__metadata__\":{\"k\":\"1\"}}  ", 0).empty());

  const test::TempDir dir;
  const auto length_of = [&](std::uint64_t length) {
    std::string content(64, ' ');
    std::memcpy(content.data(), &length, 8);
    test::write_bytes(dir / "m", content);
    return error_of([&] { SafetensorsFile file(dir / "m"); });
  };
  CHECK(contains(length_of(57), "is 57 bytes, but only 56 bytes follow"));
  CHECK(contains(length_of(100'000'001), "expected at most 100000000"));
  CHECK(contains(length_of(UINT64_MAX), "18446744073709551615 bytes"));
}

TEST_CASE("safetensors: entries that break a rule", "[safetensors]") {
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets,
                      std::size_t data) {
    return refusal(text('{', entry("a", dtype, shape, offsets), '}'), data);
  };
  CHECK(one("F32", "[2]", "[0,8]", 8).empty());
  CHECK(contains(one("F31", "[2]", "[0,8]", 8), "'a' has the dtype 'F31', expected BOOL"));
  for (const char* dtype : {"F4", "F6_E2M3", "F6_E3M2"})
    CHECK(contains(one(dtype, "[4]", "[0,2]", 2),
                   text("'a' has the dtype '", dtype, "' of a newer version of the format")));
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "BOOL"})
    CHECK(one(dtype, "[4]", "[0,4]", 4).empty());
  CHECK(one("C64", "[1]", "[0,8]", 8).empty());
  CHECK(contains(one("F32", "[2]", "[0,9]", 8), "data offsets [0, 9], but the data part has 8 bytes"));
  CHECK(contains(one("F32", "[2]", "[8,0]", 8), "data offsets [8, 0]"));
  CHECK(contains(one("F32", "[2]", "[-8,0]", 8), "the number -8"));
  CHECK(contains(one("F32", "[2]", "[0,8.0]", 8), "the number 8.0"));
  CHECK(contains(one("F32", "[2]", "[0,18446744073709551615]", 8), "18446744073709551615"));
  CHECK(contains(one("F32", "[2]", "[0,99999999999999999999]", 8), "the number"));
  CHECK(contains(one("F32", "[2]", "[0,8,8]", 8), "two data_offsets"));
  CHECK(contains(one("F32", "{}", "[0,8]", 8), "array shape"));
  CHECK(contains(one("F32", "[\"2\"]", "[0,8]", 8), "the number \"2\""));
  CHECK(contains(one("F32", "[3]", "[0,8]", 8), "has 8 bytes of data, but F32 [3] needs 12"));
  CHECK(contains(one("F32", "[]", "[0,8]", 8), "needs 4"));
  CHECK(contains(one("F32", "[4611686018427387904,2]", "[0,0]", 0), "overflows"));
  CHECK(
      contains(one("F32", "[2]", "[0,8]", 12), "end at byte 8 of the data, but the data part has 12 bytes"));
  CHECK(contains(one("F32", "[1]", "[4,8]", 8), "leaving a hole after byte 0"));
}

TEST_CASE("safetensors: entries that do not fit together", "[safetensors]") {
  const auto two = [](const std::string& a, const std::string& b, std::size_t data) {
    return refusal(text('{', a, ',', b, '}'), data);
  };
  const std::string first = entry("a", "U8", "[4]", "[0,4]");
  CHECK(two(first, entry("b", "U8", "[4]", "[4,8]"), 8).empty());
  CHECK(two(entry("b", "U8", "[4]", "[4,8]"), first, 8).empty());
  CHECK(two(first, entry("b", "U8", "[0]", "[4,4]"), 4).empty());
  CHECK(contains(two(first, entry("b", "U8", "[4]", "[3,7]"), 7), "inside the entry that ends at 4"));
  CHECK(contains(two(first, entry("b", "U8", "[4]", "[0,4]"), 4), "inside the entry that ends at 4"));
  CHECK(contains(two(first, entry("b", "U8", "[3]", "[5,8]"), 8), "hole after byte 4"));
  CHECK(contains(two(first, entry("a", "U8", "[4]", "[4,8]"), 8), "the key 'a' twice"));
  CHECK(contains(refusal(R"({"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1),
                 "the key 'dtype' twice"));
  CHECK(contains(refusal(R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}})", 1),
                 "exactly the keys"));
}

TEST_CASE("safetensors: random damage is an Error or a valid file, never a crash", "[safetensors]") {
  const test::TempDir dir;
  save_safetensors(dir / "whole", sample(), {{"step", "12"}});
  const std::string whole = read_file(dir / "whole");
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = whole;
    for (unsigned k = 0; k < 1 + random() % 3; ++k)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    test::write_bytes(dir / "m", damaged);
    const std::string message = error_of([&] {
      std::size_t bytes_read = 0, sum = 0;
      const SafetensorsFile file(dir / "m");
      for (const SafetensorsPlace& e : file.entries()) {
        for (const std::byte b : test::data_of(file, e)) sum += std::to_integer<std::size_t>(b);
        bytes_read += e.size;
      }
      REQUIRE(bytes_read == 35);
      REQUIRE(sum <= 35 * 255);
    });
    refused += !message.empty();
  }
  CHECK(refused > 100);
}
