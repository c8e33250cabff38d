// wisp-kernel: what a kernel image is, the raw image inside, and modules in the order they must be loaded.
#include <unistd.h>

#include <memory>
#include <string>

#include "wisp/kernel.hpp"
#include "wisp/module_files.hpp"
#include "wisp/module_order.hpp"
#include "wisp/new_file.hpp"
#include "wisp/spool.hpp"
#include "wisp/tool.hpp"

using namespace wisp;

namespace {

const Tool tool{
    .name = "wisp-kernel",
    .help = R"(usage: wisp-kernel info [FILE]
       wisp-kernel image [FILE] > IMAGE
       wisp-kernel modules [-C DIR] [--tar FILE] [-o OUTDIR] [--builtin FILE] [--release R] NAME...

info     prints what a kernel image says of itself, one key=value a line: form (image, gzip,
         zboot-gzip, zboot-zstd, bzimage), arch, page_size, release, version, size of the raw image
image    writes the raw image: of an arm64 Image, plain, gzipped or in an EFI zboot file, the Image;
         of an x86 bzImage the file as it is
modules  prints the files of the modules NAME... and of all they need, in the order to load them.
         NAME is a module's name or its path in DIR; compression suffixes may be left out

  -C, --directory DIR  a folder tree of .ko, .ko.gz, .ko.xz, .ko.zst files (.)
      --tar FILE       look for DIR inside the plain tar archive FILE
  -o, --output OUTDIR  write each module there, unpacked, as NAME.ko, and print those names
      --builtin FILE   the list of built-in modules (DIR/modules.builtin, where there is one)
      --release R      insist on modules built for this kernel release
      --help, --version

Example: wisp-kernel modules -C lib/modules/6.1.0-50-cloud-arm64 -o out virtio_net
)",
    .options = {{"directory", 'C', Option::Value::required},
                {"tar", 0, Option::Value::required},
                {"output", 'o', Option::Value::required},
                {"builtin", 0, Option::Value::required},
                {"release", 0, Option::Value::required}},
};

/// The FILE operand of `info` and `image`, with none of the options of `modules`.
std::unique_ptr<FdInput> open_kernel(const Arguments& arguments) {
    check_options(tool, arguments, {});
    if (arguments.operands.size() > 2) misuse(printable(arguments.operands[2]), "one FILE is enough");
    if (arguments.operands.size() < 2) return open_operand(std::nullopt);
    return open_operand(arguments.operands[1]);
}

void print_info(const Arguments& arguments) {
    const auto in = open_kernel(arguments);
    NullSink nowhere;
    const KernelInfo info = read_kernel(*in, nowhere, temporary_folder());
    std::string text = "form=" + std::string(to_text(info.form)) + "\narch=" + info.arch + "\n";
    if (info.page_size != 0) text += "page_size=" + std::to_string(info.page_size) + "\n";
    if (!info.version.empty()) {
        const std::string version = printable(info.version);
        text += "release=" + version.substr(0, version.find(' ')) + "\nversion=" + version + "\n";
    }
    print(text + "size=" + std::to_string(info.size) + "\n");
}

/// A cut or damaged image may show only at its end, so nothing is written before all of it has been checked.
void write_image(const Arguments& arguments) {
    refuse_terminal();
    const auto in = open_kernel(arguments);
    const std::string folder = temporary_folder();
    Spool checked(folder);
    read_kernel(*in, checked.sink(), folder);
    FdInput image(checked.finish(), "temporary file in " + folder);
    FdSink out(STDOUT_FILENO, "standard output");
    image.copy_all(out);
    out.finish();
}

void write_module(const Module& module, const ModuleTree& tree, const std::string& to) {
    FdInput unpacked(unpack_module(*tree.open(module.file), temporary_folder()), module.file);
    NewFile file(to + "/" + module.name + ".ko");
    unpacked.copy_all(file.sink());
    file.publish();
}

/// The tree that --directory and --tar name.
std::unique_ptr<ModuleFiles> module_files(const Arguments& arguments) {
    const std::string folder = arguments.value("directory").value_or(".");
    const auto tar = arguments.value("tar");
    if (!tar) return std::make_unique<ModuleFolder>(folder);
    return std::make_unique<ModuleTar>(std::make_unique<FdSeekable>(open_read(*tar), *tar), folder);
}

void list_modules(const Arguments& arguments) {
    if (arguments.operands.size() < 2) misuse("modules", "needs a NAME");
    const auto files = module_files(arguments);
    const ModuleTree tree(*files, arguments.value("builtin").value_or(""));
    ModuleOrder order(tree, temporary_folder());
    for (std::size_t i = 1; i < arguments.operands.size(); ++i) order.want(arguments.operands[i]);
    const auto output = arguments.value("output");
    std::string text;
    for (const Module& module : order.resolve(arguments.value("release").value_or(""))) {
        if (output) write_module(module, tree, *output);
        text += (output ? module.name + ".ko" : printable(module.file)) + "\n";
    }
    print(text);
}

} // namespace

int main(int argc, char** argv) {
    return run_tool(tool, argc, argv, [](const Arguments& arguments) {
        const std::string command = arguments.operands.empty() ? "" : arguments.operands[0];
        if (command == "info")
            print_info(arguments);
        else if (command == "image")
            write_image(arguments);
        else if (command == "modules")
            list_modules(arguments);
        else if (command.empty())
            misuse("command", "is missing: info, image or modules");
        else
            misuse(printable(command), "is no command: info, image or modules");
    });
}
