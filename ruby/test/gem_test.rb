# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"
require_relative "helper"

# The gem is built, installed and used, away from its sources.
class GemTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)

  def test_what_is_built_works_by_itself
    Dir.mktmpdir do |folder|
      file = File.join(folder, "hyperglyph.gem")
      run_gem("build", "hyperglyph.gemspec", "--output", file, chdir: ROOT)
      home = File.join(folder, "home")
      run_gem("install", "--local", "--no-document", "--install-dir", home, file)
      said = capture({ "GEM_HOME" => home, "GEM_PATH" => home, "RUBYLIB" => nil }, RbConfig.ruby, "-w", "-rhyperglyph", "-e",
                     "p Hyperglyph.load(Hyperglyph.dump([1, 'a'])); puts $LOADED_FEATURES.grep(/hyperglyph/)", chdir: folder)
      assert_equal '[1, "a"]', said.lines.first.chomp
      assert(said.lines.drop(1).all? { |line| line.start_with?(File.realpath(home)) || line.start_with?(home) }, said)
    end
  end

  def test_every_file_of_the_library_is_in_it
    spec = Gem::Specification.load(File.join(ROOT, "hyperglyph.gemspec"))
    assert_equal Dir.chdir(ROOT) { Dir["lib/**/*"].select { |path| File.file?(path) } }.sort, spec.files.grep(/\Alib/).sort
    assert_includes spec.files, "LICENSE"
    assert_equal File.read(File.join(ROOT, "..", "LICENSE")), File.read(File.join(ROOT, "LICENSE"))
    assert_equal Hyperglyph::VERSION, spec.version.to_s
  end

  def test_every_file_has_frozen_literals
    Dir[File.join(ROOT, "**", "*.rb")].each do |file|
      assert_equal "# frozen_string_literal: true\n", File.foreach(file).first, file
    end
  end

  private

  def run_gem(*words, chdir: Dir.pwd)
    capture({}, RbConfig.ruby, "-S", "gem", *words, chdir: chdir)
  end

  def capture(environment, *words, chdir:)
    said, errors, status = Open3.capture3(environment, *words, chdir: chdir)
    assert status.success?, errors
    said
  end
end
