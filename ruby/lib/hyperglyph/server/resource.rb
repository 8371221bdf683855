# frozen_string_literal: true

module Hyperglyph
  # A class whose instances have URLs.
  #
  #     class Counter
  #       include Hyperglyph::Resource
  #
  #       def initialize(start: 0) = @start = start
  #       attribute def value = @start
  #       form def add(n = 1) = Counter.new(start: @start + n), defaults: { n: 1 }
  #       safe def double = @start * 2
  #     end
  #
  # The public methods that the class itself defines are offered, by POST unless more is said of them; what it has
  # from elsewhere (Object, modules, base classes that are no Resource) is not, nor names that are no identifiers
  # or begin with `_`, unless it is declared by one of the words below.
  #
  # *State contract*: the state of an instance is what its constructor took. It is read from the instance variables
  # of the names of the constructor's parameters (or what `reference_state`, a private method, gives: a Hash), goes
  # signed into the URL, and is given to `restore` of the class, which is `new` unless the class has another one,
  # whenever the URL is called. `restore` may answer nil: the object is gone (410). State is plain data, and not
  # secret. A parameter with a default may come, and one may go, without harm to URLs that are out.
  module Resource
    # Names that are never offered: what Ruby calls by itself, and the hooks of this module.
    HOOKS = (BasicObject.private_instance_methods(false) +
             %i[initialize_copy initialize_dup initialize_clone respond_to_missing? reference_state
                reference_modified]).freeze
    PLAIN = /\A[a-zA-Z][a-zA-Z0-9_]*\z/.freeze

    def self.included(base)
      raise TypeError, "include Hyperglyph::Resource into a class" unless base.is_a?(Class)

      base.extend(Declarations)
      super
    end

    # Words for the body of a class. Each takes names of methods, and options as Router#add does; it gives the
    # name back, so that `safe def x` and `safe redirect def x` read well.
    module Declarations
      # Called by POST; for options alone.
      def form(name, **options)
        declare(name, options)
      end

      # Changes nothing that its caller would have to answer for: called by GET.
      def safe(name, **options)
        declare(name, { safe: true, **options })
      end

      # Safe, without parameters: its result stands in the page.
      def embed(name, **options)
        declare(name, { embed: true, **options })
      end

      # Answers 303: its result is a resource, or a URL.
      def redirect(name, **options)
        declare(name, { redirect: true, **options })
      end

      # PUT, PATCH and DELETE of the URL of the instance. `if_match: true`: only if it has not changed since.
      def put(name, **options)
        declare(name, { method: "PUT", **options })
      end

      def patch(name, **options)
        declare(name, { method: "PATCH", **options })
      end

      def delete(name, **options)
        declare(name, { method: "DELETE", **options })
      end

      # Data that stands in the page as it is: read without arguments.
      def attribute(*names)
        names.each { |name| declare(name, { attribute: true }) }
        names.first
      end

      # Not offered.
      def hidden(*names)
        names.each { |name| declare(name, { hidden: true }) }
        names.first
      end

      # What was said of each method, here and in the classes above.
      def hyperglyph_declarations
        inherited = superclass.respond_to?(:hyperglyph_declarations) ? superclass.hyperglyph_declarations : {}
        inherited.merge(@hyperglyph_declarations || {}) { |_, above, here| above.merge(here) }
      end

      # From the state in a reference: the instance, or nil if it is gone.
      def restore(...)
        new(...)
      end

      private

      def declare(name, options)
        raise ArgumentError, "#{self}##{name} cannot be offered" if HOOKS.include?(name.to_sym)

        @hyperglyph_declarations ||= {}
        @hyperglyph_declarations[name.to_sym] = (@hyperglyph_declarations[name.to_sym] || {}).merge(options)
        name
      end
    end

    private

    # The state that goes into the reference: a Hash of text to plain data.
    def reference_state
      self.class.instance_method(:initialize).parameters.each_with_object({}) do |(kind, name), state|
        next unless Server::Signature::OFFERED.include?(kind)

        unless instance_variable_defined?(:"@#{name}")
          raise NoMethodError, "#{self.class} has no @#{name}, which is the state for its constructor's parameter: " \
                               "set it there, or define a private method reference_state"
        end
        state[name.to_s] = instance_variable_get(:"@#{name}")
      end
    end

    # When it was changed last, a Time, or nil if that is not known.
    def reference_modified
      nil
    end
  end
end
