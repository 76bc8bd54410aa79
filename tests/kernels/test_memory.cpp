// Tests buffers, arenas and uploads on the CPU.
#include "kernels/device/memory.h"

#include <vector>

#include "kernels/device/upload.h"
#include "kernels/device/work_graph.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint::kernels {

TEST_CASE("what an arena handed out is handed out again only while the arena is in use", "[memory]") {
  MemoryArena arena(Device::cpu);
  void* inside = nullptr;
  {
    const MemoryArena::Use use(arena);
    const Buffer b(Device::cpu, 12345);
    inside = b.data();
  }
  std::vector<Buffer> outside;
  for (int i = 0; i < 20; ++i) {
    outside.emplace_back(Device::cpu, 12345);
    CHECK(outside.back().data() != inside);
  }
  const MemoryArena::Use use(arena);
  CHECK(Buffer(Device::cpu, 12345).data() == inside);
  CHECK_THAT(error_text([&] { MemoryArena::Use nested(arena); }), mentions("one at a time"));
}

TEST_CASE("a buffer may outlive its arena", "[memory]") {
  const std::size_t before = memory_stats(Device::cpu).in_use;
  Buffer kept;
  {
    MemoryArena arena(Device::cpu);
    const MemoryArena::Use use(arena);
    kept = Buffer(Device::cpu, 5000);
    const Buffer freed(Device::cpu, 7000);
  }
  CHECK(memory_stats(Device::cpu).in_use >= before + 5000);
  static_cast<char*>(kept.data())[4999] = 1;
  kept = Buffer();
  CHECK(memory_stats(Device::cpu).in_use == before);
}

TEST_CASE("an upload keeps what it was given until it is finished", "[memory]") {
  std::vector<float> from{1, 2, 3}, to(3, 0);
  Upload upload;
  upload.finish(to.data());  // no upload was started
  upload.start(Device::cpu, from.data(), 12);
  from = {7, 7, 7};
  CHECK_THAT(error_text([&] { upload.start(Device::cpu, from.data(), 12); }), mentions("call finish"));
  upload.finish(to.data());
  CHECK(to == std::vector<float>{1, 2, 3});
}

TEST_CASE("a graph that recorded nothing cannot be replayed", "[memory]") {
  WorkGraph graph;
  CHECK_FALSE(WorkGraph::available(Device::cpu));
  CHECK_THAT(error_text([&] { graph.replay(); }), mentions("nothing to replay"));
  CHECK_THAT(error_text([&] { graph.record([] {}); }), mentions("call warm_up"));
}

}  // namespace stillpoint::kernels
