# frozen_string_literal: true

module Hyperglyph
  class Client
    # A resource (section 14.5): an object with the members that are on its page.
    #
    #   counter.value            # data is given
    #   counter.add(5)           # a form or link is called
    #   counter["add"]           # a member by its name, whatever it is; nothing is sent
    #
    # Members whose names every Ruby object has (`class`, `send`, `hash`), and those that Ruby calls on its own
    # (`to_...`, `coerce` and the like), are reached by `[]`. What there is to know about a resource itself
    # stands at Hyperglyph::Client: Client.url(resource), Client.members(resource) and so on.
    class Resource
      # Ruby, or its library, calls these without being asked to: a page must not answer (REQ-RES-3, REQ-SAFE-6).
      RESERVED = /\A(?:to_|_|marshal_|init_with\z|encode_with\z|yaml_|coerce\z|exception\z|deconstruct|pretty_print)/.freeze

      def initialize(page, extension, base, inner)
        @hyperglyph = ResourceState.new(page, extension, base, inner)
      end

      # The member of this name: data, a Link, a Form, another Resource. NoMember where there is none, Unusable where
      # the content is no dict. Asks for the whole where the resource is partial, and once (REQ-PART-5).
      def [](name)
        @hyperglyph.fetch(name.to_s)
      end

      def method_missing(name, *arguments, **named)
        return super if RESERVED.match?(name)

        member = begin
          self[name]
        rescue NoMember
          return super
        end
        return member.call(*arguments, **named) if member.is_a?(Callable)
        return member if arguments.empty? && named.empty?

        raise ArgumentsError, "#{name} is no form: it takes no arguments"
      end

      # Only for what is on the page: it asks nobody.
      def respond_to_missing?(name, include_private = false)
        (!RESERVED.match?(name) && @hyperglyph.known?(name.to_s)) || super
      end

      def inspect
        @hyperglyph.inspect
      end

      # What is known of it, for Client and what sends it back.
      def __hyperglyph__
        @hyperglyph
      end
    end

    # What a Resource knows.
    class ResourceState
      def initialize(page, extension, base, inner)
        @page = page
        @extension = extension
        @base = base
        content = extension.content
        @members = content.is_a?(Hash) ? page.wrap(content, inner).freeze : nil
        @partial = extension["partial"] == true
        @lock = Mutex.new
        @whole = nil
      end

      # Where it is, absolute; nil for a record.
      def url
        Page.inner(@extension, @base) if Attributes.text?(@extension.attributes, "url")
      end

      # `name`, `profile` or `doc`; nil if there is none.
      def label(attribute)
        Attributes.text?(@extension.attributes, attribute)
      end

      # The extension as it came, and the base where it stands.
      def origin
        [@extension, @base]
      end

      # The names that are known without asking, sorted.
      def names
        own = (@members || {}).keys.grep(String)
        return own.sort unless @partial

        (own + @page.shares(label("profile"))).uniq.sort
      end

      def known?(name)
        (@members || {}).key?(name) || !shared(name).nil? || (@whole ? @whole.known?(name) : false)
      end

      def fetch(name)
        raise Unusable, "the content of this resource is no dict" if @members.nil?
        return @members[name] if @members.key?(name)

        template = shared(name)
        return @page.wrap(template, Page.base(@extension, @base)) if template
        return whole.fetch(name) if @partial

        raise NoMember, "there is no #{name.inspect[0, 60]}: #{names.first(20).join(', ')}"
      end

      # The resource as it is now. Unusable for a record (REQ-RES-4).
      def reload
        url = self.url or raise Unusable, "a resource without a url cannot be fetched anew"
        @page.client.check(url, @page)
        @page.client.perform(Call.new(page: @page, method: "GET", url: url))
      end

      # Without the path, which may be for its holder alone (section 21.2): Ruby puts this into messages.
      def inspect
        "#<#{Resource} #{label('name')}#{' (partial)' if @partial} #{HTTP::URL.origin(url)}: #{names.first(20).join(', ')}>"
      end

      private

      def shared(name)
        @page.shared(label("profile"), name) if @partial
      end

      # What the url of a partial resource gives, fetched once. Failures are not kept.
      def whole
        @lock.synchronize do
          @whole ||= begin
            found = reload
            raise Unusable, "the url of a partial resource gave a #{found.class}" unless found.is_a?(Resource)

            found.__hyperglyph__.complete
          end
        end
      end

      protected

      # It was fetched as the whole: nothing more is asked for.
      def complete
        @partial = false
        self
      end
    end
  end
end
