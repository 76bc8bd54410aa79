// NV_IF_TARGET for functions of both sides, in between these two lines: `#include <nv/by_side.h>` and
// `#pragma pop_macro("NV_IF_TARGET")`. It asks at run time whether a device thread calls.
#include <simt/launch.h>

#include <nv/target>

#pragma push_macro("NV_IF_TARGET")
#undef NV_IF_TARGET
#define NV_IF_TARGET(side, first, ...) SIMT_##side(first, __VA_ARGS__)
#define SIMT_NV_IS_DEVICE(device, host) \
  if (::simt::on_device()) {            \
    _NV_REMOVE_PAREN(device)            \
  } else {                              \
    _NV_REMOVE_PAREN(host)              \
  }
#define SIMT_NV_IS_HOST(host, device) SIMT_NV_IS_DEVICE(device, host)
