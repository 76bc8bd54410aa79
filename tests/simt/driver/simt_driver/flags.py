"""The flags of simt++: nvcc's, g++'s and its own."""
import re
import shlex

from simt_driver.source import Problem

# nvcc's flags that take a value and have no effect here; both `flag value` and `flag=value`.
IGNORED_WITH_VALUE = {"-arch", "--gpu-architecture", "-gencode", "--generate-code", "-code", "--gpu-code", "-Xptxas",
                      "--ptxas-options", "-Xcudafe", "-Xnvlink", "--nvlink-options", "-maxrregcount", "--maxrregcount",
                      "-ccbin", "--compiler-bindir", "-cudart", "--cudart", "-cudadevrt", "--cudadevrt", "-rdc",
                      "--relocatable-device-code", "-t", "--threads", "-diag-suppress", "--diag-suppress", "-diag-warn",
                      "--diag-warn", "-diag-error", "--diag-error", "-ftz", "--ftz", "-prec-div", "--prec-div", "-prec-sqrt",
                      "--prec-sqrt", "-fmad", "--fmad", "-split-compile", "-keep-dir", "--keep-dir", "-objtemp",
                      "-default-stream", "--default-stream", "-ewp", "-odir", "-extra-device-vectorization"}
IGNORED = {"-lineinfo", "--generate-line-info", "-use_fast_math", "--use_fast_math", "-dlto", "-restrict", "--restrict",
           "-forward-unknown-to-host-compiler", "--forward-unknown-to-host-compiler", "-forward-unknown-opts",
           "-extended-lambda", "--extended-lambda", "-expt-extended-lambda", "-expt-relaxed-constexpr", "-res-usage",
           "--resource-usage", "-keep", "--keep", "-cuda", "-allow-unsupported-compiler", "--allow-unsupported-compiler",
           "-dw", "-noeh", "-astoolspatch", "-src-in-ptx", "-s", "--no-host-device-initializer-list"}
LONG = {"--output-file": "-o", "--include-path": "-I", "--define-macro": "-D", "--undefine-macro": "-U", "--library": "-l",
        "--library-path": "-L", "--std": "-std", "--optimize": "-O", "--compile": "-c", "--device-c": "-c", "-dc": "-c",
        "--system-include": "-isystem", "--pre-include": "-include", "--language": "-x", "--debug": "-g",
        "--device-debug": "-G", "--shared": "-shared", "--generate-dependencies-with-compile": "-MD",
        "--dependency-output": "-MF", "--dependency-target-name": "-MT", "--disable-warnings": "-w", "--lib": "-lib"}
WITH_VALUE = {"-o", "-I", "-D", "-U", "-l", "-L", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-x", "-MF", "-MT", "-MQ",
              "-Xlinker", "-Xcompiler", "--compiler-options", "--linker-options", "-Wl", "-T", "-std", "--param", "-O"}
PREPROCESSOR = ("-D", "-U", "-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-M")
CUDA_LIBRARIES = re.compile(r"(cudart(_static)?|cuda|cublas(Lt)?(_static)?|cudnn\w*|nccl|cudadevrt|nvToolsExt|curand|cufft|"
                            r"cusolver|cusparse|culibos|nvrtc|nvidia-ml|nvJitLink)$")
SOURCES = (".cu", ".cpp", ".cc", ".cxx", ".c++", ".C", ".c", ".ii", ".cuh")


class Command:
    """What a command line asks for."""

    def __init__(self, arguments):
        self.inputs = []  # (file, language or None)
        self.compile, self.link = [], []
        self.output = self.standard = self.optimise = None
        self.mode, self.watched, self.rewritten, self.verbose, self.registers = "link", True, False, False, False
        self.read(arguments)

    def read(self, arguments):
        language, i = None, 0
        while i < len(arguments):
            flag, value, i = arguments[i], None, i + 1
            if flag.startswith("--options-file") or flag == "-optf":
                name = flag.partition("=")[2] or arguments[i]
                i += "=" not in flag
                self.read(shlex.split(open(name).read()))
                continue
            if flag.startswith("@"):
                self.read(shlex.split(open(flag[1:]).read()))
                continue
            if not flag.startswith("-") or flag == "-":
                self.inputs.append((flag, language))
                continue
            name, equals, joined = flag.partition("=")
            name = LONG.get(name, name)
            if equals and (name in IGNORED_WITH_VALUE or name in WITH_VALUE):
                value = joined
            elif not equals and (name in IGNORED_WITH_VALUE or name in WITH_VALUE and not (name == "-O")):
                if i == len(arguments):
                    raise Problem(f"simt++: {flag} needs a value")
                value, i = arguments[i], i + 1
            elif equals:
                name = flag
            if value is None:
                name, value = self.split(name)
            language = self.take(name, value, language)

    @staticmethod
    def split(name):
        for short in ("-isystem", "-I", "-D", "-U", "-l", "-L", "-o", "-x"):
            if name.startswith(short) and len(name) > len(short) and not name.startswith("-lib"):
                return short, name[len(short):]
        return name, None

    def take(self, name, value, language):
        if name in IGNORED or name in IGNORED_WITH_VALUE or name.startswith(("--expt-", "-Xptxas", "-arch", "-gencode", "-maxrregcount")):
            if "stream" in name and value not in (None, "legacy"):
                raise Problem("simt++: --default-stream: given per-thread, expected legacy; pass cudaStreamPerThread to calls")
        elif name == "-x":
            language = None if value == "none" else value
        elif name == "-o":
            self.output = value
        elif name in ("-c", "-E", "-S"):
            self.mode = name
        elif name in ("-dlink", "--device-link"):
            self.mode = "-dlink"
        elif name in ("-Xcompiler", "--compiler-options"):
            self.read([f for f in shlex.split(value.replace(",", " ")) if f])
        elif name in ("-Xlinker", "--linker-options"):
            self.link += ["-Xlinker", value]
        elif name == "-l":
            self.link += [] if CUDA_LIBRARIES.match(value) else ["-l" + value]
        elif name == "-L" or name.startswith(("-Wl,", "-shared", "-static", "-rdynamic")):
            self.link.append(name + (value or ""))
        elif name == "-std":
            self.standard = value
        elif name == "-O" or re.fullmatch(r"-O\w*", name):
            self.optimise = name + (value or "")
        elif name == "-G":
            self.optimise = self.optimise or "-O0"
        elif name in ("-ptx", "--ptx", "-cubin", "--cubin", "-fatbin", "--fatbin", "-lib"):
            raise Problem(f"simt++: given {name}, expected -c or a program; the emulator has no such output")
        elif name in ("-Werror", "-m64") or name == "--machine":
            pass
        elif name == "--unwatched":
            self.watched = False
        elif name == "--registers":
            self.registers = True
        elif name == "--rewritten":
            self.rewritten = True
        elif name in ("--verbose", "-v"):
            self.verbose = True
        elif value is None:
            self.compile.append(name)
        else:
            self.compile += [name + value] if name in ("-I", "-D", "-U") else [name, value]
        return language

    def preprocessor_flags(self):
        flags, i = [], 0
        while i < len(self.compile):
            flag = self.compile[i]
            take = 2 if flag in WITH_VALUE else 1
            flags += self.compile[i:i + take] if not flag.startswith("-W") else []
            i += take
        return flags

    def compiler_flags(self):
        flags, i = [], 0
        while i < len(self.compile):
            flag = self.compile[i]
            take = 2 if flag in WITH_VALUE else 1
            flags += self.compile[i:i + take] if not flag.startswith(PREPROCESSOR) else []
            i += take
        return flags

    def standard_flag(self):
        year = re.sub(r"\D", "", self.standard or "")
        return "-std=gnu++" + (year if year in ("20", "23", "26") else "20")
