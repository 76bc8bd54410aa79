// Suspends a process as soon as its first checkpoint is in place, for LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
int rename(const char* from, const char* to) {
  static int stopped = 0;
  const int code = ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
  const char* name = strrchr(to, '/');
  if (code == 0 && !stopped && strcmp(name ? name + 1 : to, "checkpoint.safetensors") == 0) {
    stopped = 1;
    raise(SIGSTOP);
  }
  return code;
}
